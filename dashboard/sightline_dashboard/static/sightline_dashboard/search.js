// The search box of the job list as a combobox (WAI-ARIA 1.2): what could come next in the word before the cursor.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const part = document.getElementById("search-help");
  const box = document.getElementById("searchbar");
  if (!part || !box) return;

  const list = document.createElement("ul");
  list.id = "search-suggestions";
  list.className = "sl-suggestions";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Suggestions");
  const told = document.createElement("p");
  told.className = "sl-hidden";
  told.setAttribute("role", "status");
  box.closest("form").classList.add("sl-search");
  box.closest("form").append(list, told);
  for (const [name, value] of Object.entries({
    role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id,
    "aria-label": "Search jobs", "aria-describedby": "search-help", autocomplete: "off", spellcheck: "false",
  })) box.setAttribute(name, value);

  let marked = -1;
  let asked = 0;
  let timer = null;

  const close = () => {
    clearTimeout(timer);
    asked += 1; // an answer that is under way comes too late
    list.hidden = true;
    marked = -1;
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-activedescendant");
  };

  const mark = (place) => {
    const options = list.children;
    if (!options.length) return;
    options[marked]?.setAttribute("aria-selected", "false");
    marked = (place + options.length) % options.length;
    options[marked].setAttribute("aria-selected", "true");
    options[marked].scrollIntoView({ block: "nearest" });
    box.setAttribute("aria-activedescendant", options[marked].id);
  };

  const show = (found) => {
    list.replaceChildren(...found.map(({ text, about }, place) => {
      const option = document.createElement("li");
      option.id = `search-suggestion-${place}`;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      const word = document.createElement("code");
      word.textContent = text;
      const words = document.createElement("span");
      words.textContent = about;
      option.append(word, words);
      option.dataset.text = text;
      return option;
    }));
    marked = -1;
    box.removeAttribute("aria-activedescendant");
    list.hidden = !found.length;
    box.setAttribute("aria-expanded", String(found.length > 0));
    told.textContent = found.length === 1 ? "1 suggestion" : `${found.length} suggestions`;
  };

  const ask = async () => {
    const mine = ++asked;
    const address = new URL(part.dataset.suggest, window.location.href);
    address.searchParams.set("q", box.value.slice(0, box.selectionStart));
    const answer = await fetch(address, { headers: { Accept: "application/json" } });
    if (!answer.ok || mine !== asked || document.activeElement !== box) return;
    show((await answer.json()).suggestions);
  };

  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => ask().catch(console.error), 120);
  };

  // Where the word before the cursor begins: after the last space that stands in no quotes.
  const start = () => {
    let place = 0;
    let inside = false;
    for (let n = 0; n < box.selectionStart; n += 1) {
      if (box.value[n] === '"') inside = !inside;
      else if (/\s/.test(box.value[n]) && !inside) place = n + 1;
    }
    return place;
  };

  const take = (option) => {
    const waits = option.dataset.text.endsWith(":");
    box.setRangeText(option.dataset.text + (waits ? "" : " "), start(), box.selectionStart, "end");
    close();
    box.focus();
    if (waits) soon();
  };

  box.addEventListener("input", soon);
  box.addEventListener("click", soon);
  box.addEventListener("blur", () => setTimeout(close, 150)); // a click on a suggestion comes first
  box.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) soon();
      else mark(event.key === "ArrowDown" ? marked + 1 : (marked < 0 ? 0 : marked) - 1);
    } else if ((event.key === "Enter" || event.key === "Tab") && !list.hidden && marked >= 0) {
      event.preventDefault();
      take(list.children[marked]);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      close();
    }
  });
  list.addEventListener("mousedown", (event) => {
    const option = event.target.closest("[role=option]");
    if (!option) return;
    event.preventDefault();
    take(option);
  });
});
