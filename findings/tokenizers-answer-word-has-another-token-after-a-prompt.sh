#!/usr/bin/env bash
# Byte-level BPE (here trained with tokenizers 0.23.3) joins a space to the word after it. The last
# token of "Relevant: yes" is " yes". An LLM reranker's score read at the id of "yes" belongs to a
# token that never follows this prompt. A prompt that ends in a space, encoded apart from its answer,
# gives a third form: the space as a token of its own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tokenizers==0.23.3
"$folder/venv/bin/python" -W ignore - <<'PY'
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
alphabet = pre_tokenizers.ByteLevel.alphabet()
trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
tokenizer.train_from_iterator(["Relevant: yes", "yes, Relevant: no"] * 20, trainer)


def split(text):
    return [token.replace("Ġ", "_") for token in tokenizer.encode(text).tokens]


whole = split("Relevant: yes")
parts = {"blank in the prompt": ("Relevant: ", "yes"), "blank in the answer": ("Relevant:", " yes")}
in_parts = {name: split(prompt) + split(answer) for name, (prompt, answer) in parts.items()}
print(
    "whole:", whole, in_parts, "ids of yes and _yes:", *map(tokenizer.token_to_id, ("yes", "Ġyes"))
)
assert whole[-1] == "_yes" and split("yes") == ["yes"]
assert in_parts["blank in the prompt"][-2:] == ["_", "yes"], in_parts
assert in_parts["blank in the answer"] == whole
PY
