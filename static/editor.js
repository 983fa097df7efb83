// The editor of rules: Ace in the place of the text box, with mistakes on their lines, and the words that rules have.
// The page works without it.
"use strict";

(function () {
  const box = document.getElementById("text"), home = document.getElementById("editor");
  if (!box || !home || !window.ace) return;
  const findings = document.getElementById("findings"), word = document.getElementById("word");

  // --- The editor in the place of the box ---

  ace.config.set("useStrictCSP", true); // its style is in ace.css
  ace.config.set("loadWorkerFromBlob", false);
  ace.config.setDefaultValue("session", "useWorker", false);
  home.hidden = word.hidden = document.getElementById("keys").hidden = false;
  const editor = ace.edit(home, {
    mode: "ace/mode/yaml", value: box.value, tabSize: 2, useSoftTabs: true, fontSize: 15, wrap: true,
    showPrintMargin: false, behavioursEnabled: false, navigateWithinSoftTabs: false, textInputAriaLabel: "The rules",
  });
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const dress = () => editor.setTheme({ cssClass: "ace-datapost", isDark: dark.matches, cssText: "" });
  dress();
  dark.addEventListener("change", dress);
  // What these load is not here.
  editor.commands.removeCommands(["gotoline", "openCommandPalette", "openCommandPallete", "showSettingsMenu"]);
  box.hidden = true;
  document.querySelector("label[for=text]").addEventListener("click", () => editor.focus());
  document.getElementById("form").addEventListener("submit", () => { box.value = editor.getValue(); });
  window.addEventListener("beforeprint", () => { box.value = editor.getValue(); });
  // A browser that goes back puts what was written into the box.
  window.addEventListener("pageshow", () => { if (box.value !== editor.getValue()) editor.setValue(box.value, -1); });

  // Tab indents, and must keep nobody in: after Escape it goes on to what follows.
  let leaving = false;
  editor.keyBinding.addKeyboardHandler({
    handleKeyboard(_data, _hash, key) {
      if (key === "esc") leaving = true;
      else if (key === "tab" && leaving) return { command: "null", passEvent: true };
      return undefined;
    },
  });
  editor.on("change", () => { leaving = false; });
  editor.on("focus", () => { leaving = false; });
  editor.selection.on("changeCursor", () => { leaving = false; });

  // --- Mistakes on their lines ---

  const AFTER = 300, AGAIN = 500; // milliseconds since the last key, and after an answer that others are checked
  let timer = 0, asking = false, stale = false, told = "";

  function later(milliseconds) {
    clearTimeout(timer);
    timer = setTimeout(check, milliseconds);
  }

  async function check() {
    if (asking) { stale = true; return; }
    asking = true;
    stale = false;
    const form = new FormData(document.getElementById("form"));
    form.set("text", editor.getValue());
    try {
      const headers = { Accept: "application/json, text/html;q=0.1" };
      const answer = await fetch(home.dataset.check, { method: "POST", body: form, headers });
      if (answer.status === 503) later(AGAIN);
      else if (answer.redirected) tell("Your login has ended: log in again in another tab. Nothing is checked until then.");
      else if (!answer.ok) tell("The text cannot be checked: it may be too long.");
      else if (!stale) show((await answer.json()).notes);
    } catch {
      tell("The service cannot be reached, so the text is not checked now.");
    }
    asking = false;
    if (stale) later(0);
  }

  function show(notes) {
    editor.session.setAnnotations(notes.map((note) => ({ row: note.line - 1, column: 0, type: note.kind, text: note.message })));
    const errors = notes.filter((note) => note.kind === "error").length, warnings = notes.length - errors;
    const count = (number, name) => `${number} ${name}${number === 1 ? "" : "s"}`;
    if (errors) tell(`${count(errors, "error")}. Rules with errors are not used.`, "error", notes);
    else if (warnings) tell(`The rules work, with ${count(warnings, "warning")}.`, "warning", notes);
    else tell("The rules are right.", "fine", notes);
  }

  function tell(sentence, kind = "warning", notes = []) {
    const news = JSON.stringify([sentence, notes]);
    if (news === told) return; // or it would be read out again
    told = news;
    const head = make("p", sentence, `notice ${kind}`), list = make("ul", "", "noted");
    for (const note of notes) {
      const item = make("li", "", note.kind), link = make("a", `Line ${note.line}`);
      link.href = "#editor";
      link.addEventListener("click", (event) => {
        event.preventDefault();
        editor.gotoLine(note.line, 0);
        editor.focus();
      });
      item.append(link, ` ${note.kind === "error" ? "Error" : "Warning"}: ${note.message}`);
      list.append(item);
    }
    findings.replaceChildren(head, ...(notes.length ? [list] : []));
  }

  function make(name, text, kind = "") {
    const made = document.createElement(name);
    made.textContent = text;
    if (kind) made.className = kind;
    return made;
  }

  document.getElementById("keys").after(findings); // beside what is written, and read out when it changes
  findings.setAttribute("aria-live", "polite");
  editor.session.on("change", () => later(AFTER));
  later(0);

  // --- Words: what may stand where the cursor is, and what they mean, by the JSON Schema ---

  let schema = null;
  fetch(home.dataset.schema).then((answer) => answer.json()).then((found) => { schema = found; explain(); }).catch(() => {});

  // Keys whose values are fields of the same text, or conditions on them.
  const OF_FIELDS = new Set(["partner", "test_flag", "test_if", "customer", "retry_key", "query_wins", "unique", "any_of", "by",
    "when", "reject_if", "require", "required", "amount", "all", "any", "not", "field", "fields"]);
  const KEY = /^( *)((?:- +)*)([^\s:#{["'-][^:#{]*):(?= |$)/;

  // Return where in the text a place is: the keys that lead to it ("-" is an item of a list), the key whose value
  // is written there (or null where a key is), and what is written of it.
  function placeAt(lines, row, column) {
    const prefix = lines[row].slice(0, column), start = /^ *(?:- +)*/.exec(prefix)[0].length;
    const inner = flow(prefix, start);
    return { path: [...parents(lines, row, start), ...inner.path], key: inner.key, written: inner.written };
  }

  // Walk through what stands on one line: {type: money, unique: [email
  function flow(prefix, start) {
    const path = [], open = [];
    let key = null, from = start, quote = "";
    for (let at = start; at < prefix.length; at++) {
      const sign = prefix[at];
      if (quote) { if (sign === quote) quote = ""; continue; }
      if ((sign === '"' || sign === "'") && !prefix.slice(from, at).trim()) quote = sign;
      else if (sign === "{" || sign === "[") {
        open.push([path.length, key]);
        if (key !== null) path.push(key);
        if (sign === "[") path.push("-");
        key = null;
        from = at + 1;
      } else if ((sign === "}" || sign === "]") && open.length) {
        const [length, before] = open.pop();
        path.length = length;
        key = before;
        from = at + 1;
      } else if (sign === "," && open.length) {
        key = null;
        from = at + 1;
      } else if (sign === ":" && key === null && /^( |$)/.test(prefix.slice(at + 1))) {
        key = prefix.slice(from, at).trim();
        from = at + 1;
      }
    }
    return { path, key, written: prefix.slice(from).trim() };
  }

  // Return the keys above a line, by their indentation; of a line that begins at this column behind its dashes.
  function parents(lines, row, start) {
    const path = [];
    let column = start, inItem = false;
    const enter = (dashes, dashColumn) => {
      if (!dashes) return;
      path.unshift("-");
      column = dashColumn;
      inItem = true;
    };
    const own = /^( *)((?:- +)*)/.exec(lines[row]);
    enter(own[2].slice(0, Math.max(0, start - own[1].length)), own[1].length);
    for (let above = row - 1; above >= 0 && (column > 0 || inItem); above--) {
      const found = KEY.exec(lines[above]);
      if (!found) continue;
      const dashColumn = found[1].length, keyColumn = dashColumn + found[2].length;
      if (keyColumn < column || (inItem && keyColumn === column && !found[2])) {
        path.unshift(found[3].trim());
        column = keyColumn;
        inItem = false;
        enter(found[2], dashColumn);
      } else if (found[2] && keyColumn === column && !inItem) enter(found[2], dashColumn);
    }
    return path;
  }

  // Return the parts of the schema that a node may be.
  function meanings(node) {
    if (!node) return [];
    if (node.$ref) return meanings(schema.$defs[node.$ref.split("/").pop()]);
    return [node, ...(node.anyOf || []).flatMap(meanings)];
  }

  const CONDITION = new Set(["all", "any", "not"]);

  function within(nodes, step) {
    if (step === "-") return nodes.flatMap((node) => meanings(node.items));
    return nodes.flatMap((node) => {
      const found = (node.properties || {})[step] || (typeof node.additionalProperties === "object" && node.additionalProperties);
      return found ? meanings(found) : [];
    });
  }

  function nodesAt(path) {
    return path.reduce((nodes, step, at) => (step === "-" && CONDITION.has(path[at - 1]) ? [] : within(nodes, step)), meanings(schema));
  }

  function explanation(path, key) {
    for (const node of nodesAt(path)) if (node.properties && node.properties[key]) return node.properties[key].description || "";
    return "";
  }

  function fieldsOf(lines) {
    const names = [];
    lines.forEach((line, row) => {
      const found = KEY.exec(line);
      if (found && !found[2] && found[1]) {
        const path = parents(lines, row, found[1].length);
        if (path.length === 1 && path[0] === "fields") names.push(found[3].trim());
      }
    });
    return names;
  }

  function wordsFor(lines, row, column) {
    const { path, key } = placeAt(lines, row, column);
    const rest = lines[row].slice(column), words = new Map();
    const add = (value, meta, text) => { if (!words.has(value)) words.set(value, { caption: value, value, meta, docText: text }); };
    if (key === null) {
      for (const node of nodesAt(path)) {
        for (const [name, about] of Object.entries(node.properties || {})) add(name, "key", about.description || "");
      }
      for (const made of words.values()) if (!/^\w*:/.test(rest)) made.value = `${made.value}: `;
    } else {
      for (const node of nodesAt([...path, key])) {
        for (const value of [...(node.enum || []), ...(node.examples || [])]) add(String(value), "value", explanation(path, key));
      }
    }
    const about = key === null ? path.filter((step) => step !== "-").pop() : key;
    if (OF_FIELDS.has(about) && (key !== null || path[path.length - 1] === "-")) {
      for (const name of fieldsOf(lines)) add(name, "field", `The field ${name} of these rules.`);
    }
    return [...words.values()];
  }

  const completer = {
    identifierRegexps: [/[\w.]/],
    getCompletions(_editor, session, position, _prefix, callback) {
      callback(null, schema ? wordsFor(session.doc.getAllLines(), position.row, position.column) : []);
    },
  };
  ace.require("ace/ext/language_tools").setCompleters([completer]);
  editor.setOptions({ enableBasicAutocompletion: true, enableLiveAutocompletion: true });
  // Enter ends a line, and takes a word only if one has gone to it.
  ace.require("ace/autocomplete").Autocomplete.for(editor).autoSelect = false;

  function explain() {
    if (!schema) return;
    const lines = editor.session.doc.getAllLines(), { row, column } = editor.getCursorPosition();
    const end = column + /^[\w.]*/.exec(lines[row].slice(column))[0].length;
    const { path, key, written } = placeAt(lines, row, end);
    const name = key === null ? written : key;
    const said = name && explanation(path, name);
    word.textContent = said ? `${name}: ${said}` : "";
  }
  let explaining = 0;
  editor.selection.on("changeCursor", () => {
    clearTimeout(explaining);
    explaining = setTimeout(explain, 150);
  });
})();
