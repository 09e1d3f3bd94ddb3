"use strict";
// Without this script every word, figure and table is there; it sorts, saves and opens.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const text = (cell) => cell.textContent.trim().replace(/\s+/g, " ");

  // A column's cells as what they are sorted by; null where nothing was measured.
  const key = (cell, number) => {
    const given = cell.dataset.v;
    if (!number) return text(cell) === "–" ? null : given || text(cell);
    if (given) return Number(given);
    const found = /^[+-]?[\d,]*\.?\d+(e[+-]?\d+)?/.exec(text(cell));
    return found ? Number(found[0].replaceAll(",", "")) : null;
  };
  const compare = (a, b) =>
    typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });

  const sort = (table, at, up) => {
    const body = table.tBodies[0];
    const number = table.tHead.rows[0].cells[at].classList.contains("n");
    const keyed = table.rowsAsWritten.map((row) => [key(row.cells[at], number), row]);
    if (up !== null)
      keyed.sort(([a], [b]) => {
        if (a === null || b === null) return (a === null) - (b === null);
        return up ? compare(a, b) : compare(b, a);
      });
    table.classList.toggle("sorted", up !== null);
    body.append(...keyed.map(([, row]) => row));
  };

  for (const table of all("table")) {
    if (table.tBodies[0].rows.length < 2) continue;
    table.rowsAsWritten = [...table.tBodies[0].rows];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, at) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const was = head.getAttribute("aria-sort");
        const now = was === "ascending" ? "descending" : was ? null : "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        if (now) head.setAttribute("aria-sort", now);
        sort(table, at, now && now === "ascending");
      });
    });
  }

  const save = (name, kind, content) => {
    const link = document.createElement("a");
    link.download = name;
    link.href = URL.createObjectURL(new Blob([content], { type: kind }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  // Every table can be saved too.
  const quoted = (value) => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  for (const table of all("table[data-name]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "save";
    button.textContent = "CSV";
    button.setAttribute("aria-label", `Save “${text(table.caption)}” as CSV`);
    button.addEventListener("click", () => {
      const lines = [...table.rows].map((row) =>
        [...row.cells].map((cell) => quoted(text(cell))).join(",")
      );
      save(`${table.dataset.name}.csv`, "text/csv", lines.join("\n") + "\n");
    });
    table.closest(".scroll").after(button);
  }

  // A figure alone has no page to take colours from: it gets those of the light scheme.
  const light = document.body.appendChild(document.createElement("i"));
  light.className = "light";
  light.hidden = true;
  for (const button of all("button[data-svg]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const style = getComputedStyle(light);
      const drawn = document.querySelector(`#${CSS.escape(button.dataset.svg)} > svg`);
      const source = new XMLSerializer()
        .serializeToString(drawn)
        .replace(/calc\(([\d.]+px)\*var\(--z,1\)\)/g, "$1")
        .replace(/var\((--\w+)\)/g, (_, name) => style.getPropertyValue(name).trim())
        .replaceAll("currentColor", style.getPropertyValue("--text").trim());
      save(`${button.dataset.svg}.svg`, "image/svg+xml", source);
    });
  }

  // What a link leads to is opened, and everything is for paper.
  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    const inner = target.matches("details") ? target : target.querySelector(":scope > details.part");
    if (inner) inner.open = true;
    for (let at = target; at; at = at.parentElement) if (at.matches("details")) at.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    for (const one of closed) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of closed) one.open = false;
  });

  // Only what scrolls needs a stop of its own for the keyboard.
  const stops = new ResizeObserver((entries) => {
    for (const { target } of entries)
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
  });
  for (const region of all(".scroll")) stops.observe(region);

  // The contents say where the reader is.
  const links = new Map(all(".toc a").map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries)
        if (isIntersecting) links.get(target.id).setAttribute("aria-current", "location");
        else links.get(target.id).removeAttribute("aria-current");
    },
    { rootMargin: "-10% 0px -80% 0px" }
  );
  for (const id of links.keys()) seen.observe(document.getElementById(id));
})();
