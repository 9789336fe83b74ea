// On Flower's pages, as the web shows them: the id of a job leads to its page, and a link leads back to the admin.
"use strict";

(() => {
  const JOB = /job_[0-9A-Z]{26}/;

  const link = (root) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT, (node) =>
      JOB.test(node.data) && !node.parentElement.closest("a, script, textarea, input") ? NodeFilter.FILTER_ACCEPT : NodeFilter.FILTER_SKIP);
    const found = [];
    while (walker.nextNode()) found.push(walker.currentNode);
    for (const text of found) {
      const id = text.splitText(text.data.search(JOB));
      id.splitText(JOB.exec(id.data)[0].length);
      const anchor = document.createElement("a");
      anchor.href = `/admin/jobs/job/${id.data}/change/`;
      id.replaceWith(anchor);
      anchor.append(id);
    }
  };

  const content = document.getElementById("main-content");
  if (content) {
    link(content);
    new MutationObserver(() => link(content)).observe(content, { childList: true, subtree: true, characterData: true });
  }
  const places = document.querySelector("#primary-navigation .app-nav");
  if (places) {
    const item = document.createElement("li");
    item.className = "nav-item";
    const back = document.createElement("a");
    back.className = "nav-link";
    back.href = "/admin/";
    back.textContent = "Sightline";
    item.append(back);
    places.prepend(item);
  }
})();
