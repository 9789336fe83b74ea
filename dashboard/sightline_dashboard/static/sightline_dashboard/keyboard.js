// The theme's menus open by links without an address and by plain boxes, which no keyboard reaches and no screen
// reader names. They become buttons here: focusable, named, pressed by Enter and Space.
"use strict";

(() => {
  const NAMES = [
    ["sidebarDesktopOpen", "Side bar"],
    ["sidebarMobileOpen", "Side bar"],
    ["openUserLinks", "Account"],
    ["openTheme", "Theme"],
    ["adminTheme", ""],
    ["filterOpen = true", ""],
    ["showPassword", "Show the password"],
  ];
  const ICONS = { center_focus_strong: "Sightline, now", search: "Search", keyboard_arrow_down: "More", close: "Close" };
  const CLICKED = "[x-on\\:click]:not(button, input, label, [href], [role])";

  const repair = () => {
    for (const part of document.querySelectorAll(CLICKED)) {
      const handler = part.getAttribute("x-on:click");
      const found = NAMES.find(([word]) => handler.includes(word));
      if (!found) continue;
      part.tabIndex = 0;
      part.setAttribute("role", "button");
      if (!found[1]) continue;
      const name = document.createElement("span");
      name.className = "sl-hidden";
      name.textContent = found[1];
      part.append(name);
    }
    // Icons are words of a font: "monitor_heart Now" is nothing to read out.
    for (const icon of document.querySelectorAll(".material-symbols-outlined:not([role], [x-on\\:click])")) {
      const word = icon.textContent.trim();
      icon.setAttribute("aria-hidden", "true");
      const owner = icon.closest("a[href], button");
      if (!owner || owner.title || owner.ariaLabel || owner.textContent.trim() !== word) continue;
      owner.setAttribute("aria-label", ICONS[word] ?? word.replaceAll("_", " "));
    }
  };

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    if (!event.target.matches?.('[role="button"][x-on\\:click]:not(button)')) return;
    event.preventDefault();
    event.target.click();
    // The filters slide in over the page: they are where the person wants to be.
    if (event.target.getAttribute("x-on:click").includes("filterOpen = true"))
      setTimeout(() => document.querySelector("#changelist-filter a, #changelist-filter input")?.focus());
  });
  document.addEventListener("DOMContentLoaded", repair);
})();
