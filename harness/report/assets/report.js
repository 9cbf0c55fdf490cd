// Fills the list of cases, shows one case with its traces, and keeps what is shown in the fragment of the address.
// Everything that a subject said goes into the page as text, never as markup.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  for (const c of data.cases) {
    c.results = c.results.map(([transport, verdict, expected, seen, reason, requirements]) =>
      ({ transport, verdict, expected, seen, reason, requirements }));
  }
  const byId = new Map(data.cases.map((c) => [c.id, c]));
  const text = (n) => data.strings[n];
  const $ = (id) => document.getElementById(id);
  const views = ["summary", "cases", "case", "ledger", "ambiguities"];
  const signs = {
    pass: "✓", fail: "✕", warn: "!", observed: "○", inconclusive: "?", "not-testable": "–", error: "‼",
  };
  const PAGE = 250;

  /** An element: attributes, then children; strings become text. */
  function el(name, attributes, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes ?? {})) {
      if (value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
    }
    made.append(...children.flat(Infinity).filter((c) => c !== undefined && c !== null && c !== false && c !== ""));
    return made;
  }

  const say = (words) => { $("said").textContent = words; };
  const link = (id, transport) => `#/case/${encodeURIComponent(id)}${transport ? `/${transport}` : ""}`;
  const verdict = (name) => el("span", { class: `verdict ${name}` }, name);
  const clause = (words, address) =>
    address ? el("a", { class: "clause", href: address, rel: "noreferrer" }, words) : words && el("span", { class: "clause" }, words);

  // ---- the list ----

  const form = $("filter");
  const fields = ["q", "verdict", "level", "basis", "transport", "requirement"];
  let found = [];
  let shown = 0;

  /** The text of a case that is searched, made when first asked for. */
  function searched(c) {
    c.searched ??= [c.id, c.title, ...c.rows, c.ambiguity ?? "", ...c.results.map((r) => `${text(r.seen)} ${text(r.reason)}`)]
      .join("\n").toLowerCase();
    return c.searched;
  }

  function select(state) {
    const words = (state.q ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const transport = data.transports.indexOf(state.transport);
    const requirement = data.requirements.findIndex((r) => r.id === state.requirement);
    const fits = (r) =>
      (!state.transport || r.transport === transport) &&
      // With a requirement, the verdict is the one on it.
      (state.requirement
        ? r.requirements.some(([n, v]) => n === requirement && (!state.verdict || v === state.verdict))
        : !state.verdict || r.verdict === state.verdict);
    const chosen = [];
    for (const c of data.cases) {
      if (state.level && c.level !== state.level) continue;
      if (state.basis && c.basis !== state.basis) continue;
      if (!words.every((w) => searched(c).includes(w))) continue;
      const results = c.results.filter(fits);
      if (results.length) chosen.push([c, results]);
    }
    return chosen;
  }

  function row([c, results]) {
    const cells = data.transports.map((name, n) => {
      const all = c.results.find((r) => r.transport === n);
      if (!all) return el("td", { class: "cell" });
      const faint = !results.includes(all);
      return el("td", { class: "cell" },
        el("a", { class: `mark ${all.verdict}${faint ? " faint" : ""}`, href: link(c.id, name), title: `${all.verdict}: ${text(all.seen)}` },
          el("span", { "aria-hidden": "true" }, signs[all.verdict] ?? "?"), el("span", { class: "unseen" }, `${all.verdict} on ${name}`)));
    });
    return el("tr", {},
      el("th", { scope: "row" }, el("a", { href: link(c.id) }, c.id), el("p", {}, c.title)),
      el("td", { class: "strength" }, `${c.basis} ${c.level}`), cells);
  }

  function more() {
    const next = found.slice(shown, shown + PAGE);
    $("list").tBodies[0].append(...next.map(row));
    shown += next.length;
    const left = found.length - shown;
    $("more").hidden = left === 0;
    $("more").textContent = `Show ${Math.min(left, PAGE)} more of ${left}`;
  }

  function list(state) {
    for (const name of fields) form.elements[name].value = state[name] ?? "";
    found = select(state);
    shown = 0;
    $("list").tBodies[0].replaceChildren();
    more();
    const results = found.reduce((sum, [, r]) => sum + r.length, 0);
    const words = `${results} ${results === 1 ? "result" : "results"} of ${found.length} ${found.length === 1 ? "case" : "cases"}`;
    $("shown").textContent = found.length ? words : "Nothing fits. Clear the filter to see all cases.";
    say($("shown").textContent);
  }

  function filtered() {
    const state = new URLSearchParams();
    for (const name of fields) if (form.elements[name].value) state.set(name, form.elements[name].value);
    const query = state.toString();
    // Each letter typed is no step that one would want to go back.
    history.replaceState(null, "", query ? `#/cases?${query}` : "#/cases");
    list(Object.fromEntries(state));
  }

  // ---- one case ----

  function definition(name, value, kind) {
    return value === "" || value === undefined || value === null ? []
      : [el("dt", {}, name), el("dd", kind ? { class: kind } : {}, value)];
  }

  function copied(command) {
    const code = el("code", { class: "again" }, command);
    const button = el("button", { type: "button", class: "copy" }, "Copy");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(command);
        say("Copied.");
      } catch {
        // A page from disk may not write to the clipboard everywhere.
        getSelection().selectAllChildren(code);
        say("Selected; copy it with the keyboard.");
      }
    });
    return [code, " ", button];
  }

  function showCase(id, transport) {
    const c = byId.get(id);
    const at = $("case");
    if (!c) {
      at.replaceChildren(el("h2", { id: "case-title", tabindex: "-1" }, "No such case"),
        el("p", { class: "note" }, "This report has no case ", el("code", {}, id), ". ", el("a", { href: "#/cases" }, "All cases")));
      return;
    }
    const result = c.results.find((r) => data.transports[r.transport] === transport) ??
      c.results.find((r) => ["error", "fail", "inconclusive", "warn"].includes(r.verdict)) ?? c.results[0];
    const name = data.transports[result.transport];
    at.replaceChildren(...[
      el("p", { class: "crumb" }, el("a", { href: "#/cases" }, "Cases"), " / ", c.id.split(/[./]/).slice(0, -1).join(".")),
      el("h2", { id: "case-title", tabindex: "-1" }, el("code", {}, c.id)),
      el("p", { class: "statement" }, c.title),
      el("p", { class: "facts" }, el("span", { class: "tag" }, `${c.basis} ${c.level}`), clause(c.clause, c.clause_address),
        el("span", {}, c.rows.join(" ")), c.ambiguity && el("a", { href: "#/ambiguities" }, c.ambiguity)),
      c.note ? el("p", { class: "note" }, c.note) : [],
      el("ul", { class: "transports", "aria-label": "Transports" }, c.results.map((r) => {
        const other = data.transports[r.transport];
        return el("li", {}, el("a", { href: link(c.id, other), class: `mark ${r.verdict}`, "aria-current": r === result ? "true" : undefined },
          el("span", { "aria-hidden": "true" }, signs[r.verdict] ?? "?"), ` ${other} `, el("span", { class: "unseen" }, r.verdict)));
      })),
      el("dl", { class: "why big" },
        definition("verdict", verdict(result.verdict)), definition("expected", text(result.expected)),
        definition("seen", text(result.seen), "seen"), definition("why", text(result.reason)),
        definition("again", copied(data.again + (data.again_on && data.again_on + name) + c.again))),
      el("h3", { class: "part" }, "Requirements"),
      el("table", {}, el("thead", {}, el("tr", {}, ["Requirement", "Clause", "Verdict"].map((h) => el("th", { scope: "col" }, h)))),
        el("tbody", {}, result.requirements.map(([n, v, why]) => {
          const r = data.requirements[n];
          return el("tr", {}, el("th", { scope: "row" }, el("code", {}, r.id), el("p", {}, r.text ?? "")), el("td", {}, clause(r.clause, r.address)),
            el("td", {}, verdict(v), why !== null && el("p", {}, text(why))));
        }))),
      el("h3", { class: "part" }, "Traces"),
      traces(c.id, name),
    ].flat());
  }

  function traces(id, transport) {
    const plays = data.traces[`${id}/${transport}`];
    if (!plays) {
      const why = data.left_out ? `${data.left_out} traces did not fit into this page; transcripts.ndjson has them.`
        : "No trace was kept: by default those of passed cases are not. ";
      return el("p", { class: "note" }, why, !data.left_out && el("code", {}, "ekmcheck run --transcripts all"), !data.left_out && " keeps them.");
    }
    return plays.map((play) => el("section", { class: "play", "aria-label": `Trace, ${play.temper}` },
      el("h4", {}, { warm: "Warm: right, altered, right on one connection", cold: "Cold: altered on a fresh connection", story: "Story" }[play.temper] ?? play.temper),
      el("ol", { class: "trace" }, play.events.map(step)),
      play.left_out > 0 && el("p", { class: "note" }, `${play.left_out} more events; transcripts.ndjson has them.`)));
  }

  /** An event is a word, or an object with one member: its kind. */
  function step(event) {
    const [kind, e] = typeof event === "string" ? [event, null] : Object.entries(event)[0];
    const [words, tone] = (told[kind] ?? (() => [kind.replaceAll("_", " ")]))(e ?? {});
    const details = e !== null && typeof e === "object"
      ? el("details", {}, el("summary", {}, words), el("dl", { class: "why" }, Object.entries(e).map(([k, v]) => member(k, v, e))))
      : el("p", {}, words, e !== null && !told[kind] && `: ${String(e)}`);
    return el("li", { class: `step ${kind}${tone ? ` ${tone}` : ""}` }, details);
  }

  function member(name, value, within) {
    if (value === null || value === false || (Array.isArray(value) && !value.length)) return [];
    const label = name.replaceAll("_", " ");
    if (name === "exporters") {
      return definition(label, el("ul", { class: "exporters" }, value.map(([k, print]) => el("li", {}, `${k} `, el("code", {}, print)))));
    }
    if (["token", "proof", "ekm", "certificate", "exporter"].includes(name)) return definition(label, el("code", {}, String(value)));
    return definition(label, typeof value === "object" ? el("code", {}, JSON.stringify(value)) : String(value), name === "reaction" ? "seen" : undefined);
  }

  const reaction = (r) => (r.answer ? [String(r.answer.status), ...r.answer.challenges].join("  ") : `no answer: ${r.nothing ?? r.hung ?? r.not_processed}`);
  const expected = (e) => (typeof e === "string" ? e : `${Object.keys(e)[0]} ${(Object.values(e)[0].error ?? []).join(" or ")}`.trim());

  /** What happened in a line; an event that is not told here is shown by its name and members. */
  const told = {
    connected: (e) => [`connects ${e.name} as ${e.client}, ${e.handshake} handshake, ${e.suite}, port ${e.port}, exporter ${(e.exporters[0] ?? [])[1] ?? ""}`],
    connect_failed: (e) => [`cannot connect ${e.name} as ${e.client}: ${e.reason}`],
    server_connected: (e) => [`server sees port ${e.port}, exporter ${e.exporter}`, "theirs"],
    exchanged: (e) => [[
      el("b", {}, `${e.method} ${e.path}`), ` on ${e.on}`, e.control ? ", a right request" : "", e.alteration ? `, ${e.alteration}` : "",
      el("span", { class: "came" }, "→ ", reaction(e.reaction)),
      el("span", { class: "wanted" }, `expected ${expected(e.expect)}`, e.check ? `; refused by ${e.check}` : ""),
    ], e.control ? "control" : "tested"],
    again: (e) => [`goes out once more${e.waited ? ` after ${e.waited} s` : ""}: ${reaction(e.reaction)}`],
    interim: (e) => [`interim answer ${String(e)}`],
    closed: (e) => [`closes ${e.connection}: ${e.how}`],
    keys_updated: (e) => [`keys updated on ${e.on}`],
    migrated: (e) => [`${e.on} moves to port ${e.port}`],
    clock_moved: (e) => [`clock moved by ${String(e)} s`],
    not_testable: (e) => [`not testable: ${String(e)}`],
    broken: (e) => [`broke off: ${String(e)}`],
    kept: (e) => [`${e.on} is ${e.kept ? "still" : "no longer"} the connection that was opened`],
    probed: (e) => [`ClientHello ${JSON.stringify(e.hello)} → ${e.came}`],
  };

  // ---- the address ----

  /** Words of an address are whose it is that wrote the link: as inert as those of a subject. */
  function inert(words) {
    return words.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/gu, "\ufffd");
  }

  function route() {
    const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
    let parts;
    try {
      parts = path.split("/").map((part) => inert(decodeURIComponent(part)));
    } catch {
      parts = ["summary"];
    }
    if (parts[0] === "main") return;
    const view = views.includes(parts[0]) ? parts[0] : "summary";
    for (const name of views) $(name).hidden = name !== view;
    document.querySelector(".lead").classList.toggle("small", view !== "summary");
    if (view === "cases") list(Object.fromEntries([...new URLSearchParams(query ?? "")].map(([name, value]) => [name, inert(value)])));
    if (view === "case") showCase(parts.slice(1, parts.length > 2 ? -1 : undefined).join("/"), parts.length > 2 ? parts.at(-1) : undefined);
    for (const a of document.querySelectorAll("nav a")) {
      const here = a.dataset.view === view || (view === "case" && a.dataset.view === "cases");
      if (here) a.setAttribute("aria-current", "page"); else a.removeAttribute("aria-current");
    }
    return view;
  }

  function turned() {
    const view = route();
    if (!view) return;
    // A new view begins at its head, for eyes and for screen readers.
    scrollTo(0, 0);
    $(`${view}-title`)?.focus({ preventScroll: true });
  }

  document.body.classList.add("scripted");
  for (const live of document.querySelectorAll(".live")) live.hidden = false;
  form.addEventListener("input", filtered);
  form.addEventListener("submit", (e) => e.preventDefault());
  form.addEventListener("reset", () => setTimeout(filtered));
  $("more").addEventListener("click", () => {
    const next = $("list").tBodies[0].rows.length;
    more();
    $("list").tBodies[0].rows[next]?.querySelector("a")?.focus();
  });
  addEventListener("hashchange", turned);
  addEventListener("keydown", (e) => {
    if (e.key !== "/" || e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, select, textarea")) return;
    e.preventDefault();
    if ($("cases").hidden) location.hash = "#/cases";
    route();
    form.elements.q.focus();
  });
  for (const code of document.querySelectorAll("#summary code.again")) code.replaceWith(...copied(code.textContent));
  route();
})();
