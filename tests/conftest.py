"""Shared fixtures: tiny random models with real tokenizers, and the folders of test data."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from rabbench import cli
from rabbench.config.options import Options

SHARED = Path(__file__).parent.parent.parent / "shared" / "data"
TEMPORARY: list[Path] = []


def pytest_configure(config: pytest.Config) -> None:
    """Keep every hub out of the tests; the unit tier computes on one thread and compiles nothing.

    Tiny models are quicker so, and tiny rankings quicker through ranx's kernels as they are written
    than after their compilation, which takes 12 s; the e2e tier runs them compiled.
    """
    if config.option.markexpr == "not e2e":
        for library in ("OMP", "OPENBLAS"):
            os.environ.setdefault(f"{library}_NUM_THREADS", "1")
        os.environ.setdefault("NUMBA_DISABLE_JIT", "1")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    _make_data_folders()


def _make_data_folders() -> None:
    """Data sets in folders that the tests may write to; those of the user are only read.

    ir_datasets takes its folder from the environment when it is imported.
    """
    folder = Path(tempfile.mkdtemp(prefix="rabbench-tests-"))
    source = Path(os.environ.get("IR_DATASETS_HOME") or SHARED / "ir_datasets")
    scifact = Path("beir") / "scifact" / "source.zip"
    (folder / "ir_datasets" / scifact).parent.mkdir(parents=True)
    if (source / scifact).is_file():
        shutil.copyfile(source / scifact, folder / "ir_datasets" / scifact)
    os.environ["IR_DATASETS_HOME"] = str(folder / "ir_datasets")
    os.environ["RABBENCH_HOME"] = str(folder / "cache")
    if SHARED.is_dir():
        os.environ.setdefault("RABBENCH_DATA", str(SHARED))
    TEMPORARY.append(folder)


def pytest_unconfigure() -> None:
    """Remove what the tests wrote."""
    while TEMPORARY:
        shutil.rmtree(TEMPORARY.pop(), ignore_errors=True)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Call the command line in this process: exit code, stdout, stderr."""

    def call(*argv: object) -> tuple[int, str, str]:
        try:
            code = cli.main([str(word) for word in argv])
        except SystemExit as ended:  # argparse's own refusals
            code = int(ended.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer Llama of width 32 with random weights and a byte-level BPE, in a folder."""
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    from rabbench.models import synthetic

    folder = tmp_path_factory.mktemp("tiny-llama")
    bpe = ByteLevelBPETokenizer()
    text = ["Document: yes no yes no Answer: yes", "Answer: no", *synthetic.words(3000, seed=0)]
    bpe.train_from_iterator([f"{line} yes no" for line in text], vocab_size=700, min_frequency=2)
    bpe.add_special_tokens(["<s>", "</s>"])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe._tokenizer,
        bos_token="<s>",  # noqa: S106 - no password
        eos_token="</s>",  # noqa: S106
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=len(tokenizer),
        max_position_embeddings=512,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_dense(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A one-layer BERT of width 32 as a sentence-transformers folder."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    from rabbench.models import synthetic

    folder = tmp_path_factory.mktemp("tiny-bert")
    words = sorted(set(synthetic.words(2000, seed=0)))
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=4,
        vocab_size=len(vocabulary),
        max_position_embeddings=128,
    )
    BertModel(config).save_pretrained(folder)
    transformer = Transformer(str(folder), max_seq_length=64)
    pooling = Pooling(transformer.get_embedding_dimension())
    out = tmp_path_factory.mktemp("tiny-dense")
    SentenceTransformer(modules=[transformer, pooling]).save(str(out))
    return out


@pytest.fixture
def options(tiny_model: Path, tiny_dense: Path) -> Options:
    """Options of systems on the tiny models."""
    return Options(
        model=str(tiny_model),
        dense_model=str(tiny_dense),
        sparse_model="untrained",
        cross_encoder_model="untrained",
        late_interaction_model="untrained",
        max_doc_len=64,
        batch=4,
    )


@pytest.fixture
def scifact() -> None:
    """Skip where there is no copy of SciFact."""
    if not (Path(os.environ["IR_DATASETS_HOME"]) / "beir/scifact/source.zip").is_file():
        pytest.skip("no SciFact: set IR_DATASETS_HOME to a folder that has beir/scifact/source.zip")


@pytest.fixture
def rationale_files() -> Path:
    """The local copies of ESConv and SayCan; skip where there are none."""
    folder = Path(os.environ.get("RABBENCH_DATA", ""))
    if not ((folder / "esconv").is_dir() and (folder / "saycan").is_dir()):
        pytest.skip("no local copies: set RABBENCH_DATA to a folder that has esconv and saycan")
    return folder
