// A page that shows jobs which have not ended: its part #live is loaded anew with each event of theirs.
// data-follow names a job's event stream; there is none any more on a page whose jobs have all ended.
"use strict";

(() => {
  const EVENTS = ["queued", "prepared", "started", "attempt_failed", "succeeded", "incomplete", "failed", "cancelled",
    "expired", "quarantined"];
  const open = new Map();

  // As live.js does: not while somebody paused the page, reads in what they opened, or has selected a text.
  const refresh = async () => {
    const live = document.getElementById("live");
    const reads = live?.querySelector("details[open]") || !window.getSelection().isCollapsed;
    if (!live || reads || localStorage.getItem("sightline-live") === "off") return;
    const focused = live.contains(document.activeElement) ? document.activeElement : null;
    const href = focused?.getAttribute("href");
    await htmx.ajax("GET", window.location.href, { target: "#live", select: "#live", swap: "outerHTML" });
    const again =
      (focused?.id && document.getElementById(focused.id)) || (href && document.querySelector(`#live a[href="${CSS.escape(href)}"]`));
    if (again) again.focus({ preventScroll: true });
  };

  const follow = () => {
    const wanted = new Set([...document.querySelectorAll("[data-follow]")].map((part) => part.dataset.follow).filter(Boolean));
    for (const [url, source] of open) {
      if (wanted.has(url)) continue;
      source.close();
      open.delete(url);
    }
    for (const url of wanted) {
      if (open.has(url)) continue;
      const source = new EventSource(url);
      for (const name of EVENTS) source.addEventListener(`job.${name}`, () => refresh().catch(console.error));
      open.set(url, source);
    }
  };

  const start = () => {
    follow();
    // The loaded part names the streams that are still of use.
    document.body.addEventListener("htmx:afterSettle", follow);
    window.addEventListener("pagehide", () => open.forEach((source) => source.close()));
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
