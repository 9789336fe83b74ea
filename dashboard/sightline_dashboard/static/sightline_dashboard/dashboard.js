// Loaded on every page of the admin, right after htmx. No inline script anywhere, so that the policy can forbid it.
"use strict";

// Before htmx starts: it would put a <style> of its own into the page, and evaluate attributes.
htmx.config.includeIndicatorStyles = false;
htmx.config.allowEval = false;

(() => {
  // Browsers have a clipboard for scripts on https and on this machine alone; elsewhere the old way is left.
  const take = async (text) => {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    if (!done) throw new Error("nothing was copied");
  };

  document.addEventListener("click", (event) => {
    const copy = event.target.closest("[data-copy]");
    if (!copy) return;
    take(document.getElementById(copy.dataset.copy).textContent.trim())
      .then(() => { copy.textContent = "Copied"; })
      .catch(() => { copy.textContent = "The browser forbids copying"; });
  });

  // Django's two-column choosers explain themselves by a label on a bare span, which no screen reader may read.
  const hints = () => {
    for (const hint of document.querySelectorAll("span.help-tooltip[aria-label]")) hint.setAttribute("role", "img");
  };
  window.addEventListener("load", () => setTimeout(hints)); // after theirs, which makes them

  // A box on a page and its line of text are marked together, whichever is pointed at or focused.
  const mark = (event, on) => {
    const block = event.target.closest?.("[data-block]")?.dataset.block;
    if (!block) return;
    for (const part of document.querySelectorAll(`[data-block="${CSS.escape(block)}"]`)) part.classList.toggle("sl-marked", on);
  };
  for (const [name, on] of [["mouseover", true], ["mouseout", false], ["focusin", true], ["focusout", false]])
    document.addEventListener(name, (event) => mark(event, on));
})();
