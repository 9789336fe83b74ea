// Keeps a page up to date while somebody looks at it, until they press "Live". Two ways, by what the page's part with
// the id "live" says:
//   data-board   the address of a stream of server-sent events that carry the parts that changed, computed once for
//                all who watch;
//   data-every   milliseconds after which the part is fetched anew: pages of one job or one bulk act.
"use strict";

(() => {
  const KEY = "sightline-live";
  const AGAIN_MS = [1000, 2000, 5000, 15000];
  const wanted = () => localStorage.getItem(KEY) !== "off";
  const region = () => document.getElementById("live");

  // --- what the person sees of it ---
  const say = (words) => {
    const state = document.getElementById("live-state");
    if (state && state.textContent !== words) state.textContent = words;
  };
  const show = () => {
    const control = document.getElementById("live-switch");
    if (!control) return;
    const live = region();
    control.closest(".sl-live").hidden = !live || !(live.dataset.board || live.dataset.every);
    control.setAttribute("aria-pressed", String(wanted()));
    if (!wanted()) say("Paused");
  };

  // --- putting parts into the page ---
  let held = false; // a button that is pressed down must still be there when it is let go
  const pending = new Map();

  const selectedIn = (part) => {
    const selection = window.getSelection();
    return !selection.isCollapsed && part.contains(selection.anchorNode);
  };
  const typingIn = (part) => part.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");

  const put = (part, html) => {
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    const places = [...part.querySelectorAll(".sl-scroll")];
    const focusedPlace = places.indexOf(focused);
    const href = focused?.getAttribute("href");
    const scrolled = places.map((one) => one.scrollLeft);
    part.innerHTML = html;
    [...part.querySelectorAll(".sl-scroll")].forEach((one, n) => { one.scrollLeft = scrolled[n] ?? 0; });
    if (!focused) return;
    const again =
      (focused.id && document.getElementById(focused.id)) ||
      (href && part.querySelector(`a[href="${CSS.escape(href)}"]`)) ||
      part.querySelectorAll(".sl-scroll")[focusedPlace];
    again?.focus({ preventScroll: true });
  };

  const flush = () => {
    if (held) return;
    for (const [name, html] of pending) {
      const part = document.querySelector(`[data-part="${CSS.escape(name)}"]`);
      if (part && (selectedIn(part) || typingIn(part))) continue;
      pending.delete(name);
      if (part) put(part, html);
    }
  };
  document.addEventListener("pointerdown", () => { held = true; });
  for (const name of ["pointerup", "pointercancel"])
    // After the click that follows: it must still find its button.
    document.addEventListener(name, () => setTimeout(() => { held = false; flush(); }));

  // --- a stream ---
  let source = null;
  let again = null;
  let failures = 0;

  const close = () => {
    clearTimeout(again);
    source?.close();
    source = null;
  };
  const open = () => {
    close();
    const board = region()?.dataset.board;
    if (!board || document.hidden || !wanted()) return;
    source = new EventSource(board);
    source.addEventListener("parts", (event) => {
      failures = 0;
      say("");
      for (const [name, html] of Object.entries(JSON.parse(event.data))) pending.set(name, html);
      flush();
      document.dispatchEvent(new Event("sightline:live"));
    });
    source.addEventListener("away", () => say("The database does not answer"));
    source.addEventListener("refused", () => {
      close();
      say("You are signed out, or may not see this any more. Reload the page.");
    });
    source.addEventListener("error", () => {
      // A stream that ended is opened again by the browser; one that was refused, or a server that is away, by us.
      failures += 1;
      if (failures > 1) say("Reconnecting…");
      if (source?.readyState !== EventSource.CLOSED) return;
      close();
      again = setTimeout(open, AGAIN_MS[Math.min(failures, AGAIN_MS.length) - 1]);
    });
  };

  // --- or the whole part anew ---
  let timer = null;
  const busy = (live) =>
    held || live.contains(document.activeElement) || live.querySelector("details[open]") !== null || !window.getSelection().isCollapsed;
  const refresh = () => {
    const live = region();
    if (!live || document.hidden || !wanted() || busy(live)) return Promise.resolve();
    return htmx.ajax("GET", window.location.href, { target: "#live", select: "#live", swap: "outerHTML" });
  };
  const schedule = () => {
    clearTimeout(timer);
    show();
    const every = Number(region()?.dataset.every);
    if (every && wanted()) timer = setTimeout(() => refresh().catch(console.error).finally(schedule), every);
  };

  const start = () => {
    schedule();
    open();
  };
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#live-switch")) return;
    localStorage.setItem(KEY, wanted() ? "off" : "on");
    if (wanted()) say("");
    start();
  });
  document.addEventListener("visibilitychange", open);
  // Another tab paused or resumed.
  window.addEventListener("storage", (event) => { if (event.key === KEY) start(); });
  // A page that goes into the browser's back/forward cache must not keep its connection.
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => { if (event.persisted) start(); });
  document.addEventListener("DOMContentLoaded", start);
})();
