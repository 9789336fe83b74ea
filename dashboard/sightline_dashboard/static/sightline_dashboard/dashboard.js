// Loaded on every page of the admin, right after htmx. No inline script anywhere, so that the policy can forbid it.
"use strict";

// Before htmx starts: it would put a <style> of its own into the page, and evaluate attributes.
htmx.config.includeIndicatorStyles = false;
htmx.config.allowEval = false;

(() => {
  const KEY = "sightline-live";
  const wanted = () => localStorage.getItem(KEY) !== "off";
  let timer = null;

  // The part with the id "live" replaces itself while it says how often, in milliseconds.
  const region = () => document.getElementById("live");
  const busy = (live) =>
    live.contains(document.activeElement) || live.querySelector("details[open]") !== null || !window.getSelection().isCollapsed;

  const refresh = () => {
    const live = region();
    if (!live || document.hidden || !wanted() || busy(live)) return Promise.resolve();
    return htmx.ajax("GET", window.location.href, { target: "#live", select: "#live", swap: "outerHTML" });
  };

  const schedule = () => {
    clearTimeout(timer);
    const every = Number(region()?.dataset.every);
    const control = document.getElementById("live-switch");
    if (control) {
      control.hidden = !every;
      control.setAttribute("aria-pressed", String(wanted()));
      control.querySelector("[data-word]").textContent = wanted() ? "Live" : "Paused";
    }
    if (every) timer = setTimeout(() => refresh().catch(console.error).finally(schedule), every);
  };

  document.addEventListener("click", (event) => {
    if (event.target.closest("#live-switch")) {
      localStorage.setItem(KEY, wanted() ? "off" : "on");
      schedule();
      event.target.closest("button").blur();
    }
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      navigator.clipboard.writeText(document.getElementById(copy.dataset.copy).textContent.trim());
      copy.textContent = "Copied";
    }
  });

  // A box on a page and its line of text are marked together, whichever is pointed at or focused.
  const mark = (event, on) => {
    const block = event.target.closest?.("[data-block]")?.dataset.block;
    if (!block) return;
    for (const part of document.querySelectorAll(`[data-block="${CSS.escape(block)}"]`)) part.classList.toggle("sl-marked", on);
  };
  for (const [name, on] of [["mouseover", true], ["mouseout", false], ["focusin", true], ["focusout", false]])
    document.addEventListener(name, (event) => mark(event, on));

  document.addEventListener("DOMContentLoaded", schedule);
})();
