/*
 * explore_look.h: how the page of `runeward explore` looks, and its script.
 *
 * The page permits these two texts and nothing else, by their hashes: base64 of SHA-256. A change needs new ones, which
 * tests/command/explore.py says.
 */
#ifndef RN_CLI_EXPLORE_LOOK_H
#define RN_CLI_EXPLORE_LOOK_H

#define RN_EXPLORE_STYLE_HASH "sha256-YNLPw+3153jpzAaRyUzdSzPkNwAlFaTv48RSosoEebA="
#define RN_EXPLORE_SCRIPT_HASH "sha256-86lsXgsSsisL9maB0PyuaIBXXprzCkSxAR6fAvK7PXU="

/* Heat is laid over the background, so that it suits a dark and a light one. `over`: under the pointer; `held`: chosen;
 * `u`: did not run; `i`: stands for what cannot be seen. */
static const char rn_explore_style[] =
    ":root{color-scheme:light dark;--bg:#fff;--fg:#222;--dim:#6a6a6a;--line:#ddd;--hot:230,110,0;"
    "--pick:#cfe3ff;--link:#0645ad}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#181818;--fg:#ddd;--dim:#999;--line:#3a3a3a;"
    "--hot:255,120,20;--pick:#23405f;--link:#8ab4f8}}\n"
    "body{font:15px/1.5 system-ui,sans-serif;margin:1em;color:var(--fg);background:var(--bg)}\n"
    "code,pre{font:13px/1.5 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere;"
    "tab-size:4}\n"
    "a{color:var(--link)}h1{font-size:1.3em}h2{font-size:1.05em;margin:.8em 0 .2em}\n"
    "main{display:grid;grid-template-columns:1fr 1fr;gap:1em;margin-top:1em}\n"
    ".pane{overflow:auto;height:94vh;border-top:1px solid var(--line)}\n"
    "@media(max-width:60em){main{display:block}.pane{height:auto}}\n"
    "table{border-collapse:collapse}th{text-align:left;font-weight:600;color:var(--dim)}\n"
    "td,th{padding:0 .5em;vertical-align:top}dt{color:var(--dim)}dd{margin:0 0 .3em 1.5em}\n"
    ".t{width:100%}.t td:not(:last-child){text-align:right;font-variant-numeric:tabular-nums;"
    "width:1%;color:var(--dim)}\n"
    ".t .p td,.t .d td{text-align:left;width:auto}.t .p td{padding-top:.4em;color:var(--dim)}\n"
    ".t td:first-child a{color:inherit}\n"
    ".f td:not(:last-child){text-align:right;font-variant-numeric:tabular-nums}\n"
    ".d td{border-left:3px solid rgb(var(--hot))}\n"
    ".u{color:var(--dim)}\n"
    ".h1{background:rgba(var(--hot),.05)}.h2{background:rgba(var(--hot),.08)}"
    ".h3{background:rgba(var(--hot),.11)}.h4{background:rgba(var(--hot),.15)}"
    ".h5{background:rgba(var(--hot),.19)}.h6{background:rgba(var(--hot),.24)}"
    ".h7{background:rgba(var(--hot),.3)}.h8{background:rgba(var(--hot),.37)}"
    ".h9{background:rgba(var(--hot),.45)}\n"
    ".over,.over tr{outline:1px solid var(--link)}\n"
    ":target,.held,.held tr{background:var(--pick)}\n"
    "i{font-style:normal;border:1px solid;border-radius:3px;padding:0 1px}\n"
    ".k{color:#7a1fa2}.s{color:#2e7d32}.n{color:#b25000}.c{color:var(--dim)}\n"
    "@media(prefers-color-scheme:dark){.k{color:#d7a0ff}.s{color:#9ccc9c}.n{color:#ffb870}}\n";

/* Elements with the same data-l belong together: a line, and what comes from it. */
static const char rn_explore_script[] =
    "'use strict';\n"
    "const groups = new Map();\n"
    "for (const e of document.querySelectorAll('[data-l]')) {\n"
    "  if (!groups.has(e.dataset.l)) groups.set(e.dataset.l, []);\n"
    "  groups.get(e.dataset.l).push(e);\n"
    "}\n"
    "const keys = [...groups.keys()];\n"
    "const now = {over: '', held: ''};\n"
    "function mark(name, key) {\n"
    "  for (const e of groups.get(now[name]) || []) e.classList.remove(name);\n"
    "  for (const e of groups.get(key) || []) e.classList.add(name);\n"
    "  now[name] = key;\n"
    "}\n"
    "function key_of(event) {\n"
    "  const e = event.target.closest('[data-l]');\n"
    "  return e ? e.dataset.l : '';\n"
    "}\n"
    "function show(key, without) {\n"
    "  const panes = new Set([without]);\n"
    "  for (const e of groups.get(key) || []) {\n"
    "    const pane = e.closest('.pane');\n"
    "    if (!panes.has(pane)) e.scrollIntoView({block: 'nearest'});\n"
    "    panes.add(pane);\n"
    "  }\n"
    "}\n"
    "document.addEventListener('mouseover', (event) => mark('over', key_of(event)));\n"
    "document.addEventListener('focusin', (event) => mark('over', key_of(event)));\n"
    "document.addEventListener('click', (event) => {\n"
    "  const key = key_of(event);\n"
    "  if (!key || String(getSelection())) return;\n"
    "  mark('held', key);\n"
    "  if (!event.target.closest('a')) show(key, event.target.closest('.pane'));\n"
    "});\n"
    "document.addEventListener('keydown', (event) => {\n"
    "  if (event.ctrlKey || event.altKey || event.metaKey) return;\n"
    "  if (event.key === 'Escape') mark('held', '');\n"
    "  const step = {j: 1, k: -1}[event.key];\n"
    "  if (!step || keys.length === 0) return;\n"
    "  const at = keys.indexOf(now.held);\n"
    "  const next = at < 0 ? 0 : Math.min(Math.max(at + step, 0), keys.length - 1);\n"
    "  mark('held', keys[next]);\n"
    "  show(keys[next], null);\n"
    "});\n";

#endif
