// The home page's charts: a canvas a chart, filled from JSON, anew when a minute has passed while the page is live.
"use strict";

(() => {
  const PALETTE = ["#4f7df0", "#16a085", "#d9822b", "#9b59b6", "#c0392b", "#7f8c8d", "#2c82c9", "#8aa52f"];
  const drawn = new Map();

  const draw = (holder, labels, chart) => {
    const dark = document.documentElement.classList.contains("dark");
    const ink = dark ? "#94a3b8" : "#64748b";
    const grid = dark ? "rgba(148,163,184,.15)" : "rgba(100,116,139,.15)";
    // A minute whose neighbours have no value would be a line without length.
    const alone = (data, i) => data[i] !== null && (data[i - 1] ?? null) === null && (data[i + 1] ?? null) === null;
    const datasets = chart.series.map(({ label, data }, n) => ({
      label, data, borderColor: PALETTE[n % PALETTE.length], backgroundColor: PALETTE[n % PALETTE.length],
      borderWidth: 1.5, pointRadius: ({ dataIndex }) => (alone(data, dataIndex) ? 2 : 0), pointHitRadius: 8, tension: 0.2, spanGaps: false,
    }));
    drawn.get(chart.id)?.destroy();
    let figure = holder.querySelector(`[data-chart="${chart.id}"]`);
    if (!figure) {
      figure = document.createElement("figure");
      figure.dataset.chart = chart.id;
      figure.append(document.createElement("figcaption"), document.createElement("div"));
      figure.lastChild.append(document.createElement("canvas"));
      holder.append(figure);
    }
    figure.firstChild.textContent = chart.unit ? `${chart.title}, ${chart.unit}` : chart.title;
    const canvas = figure.querySelector("canvas");
    canvas.setAttribute("role", "img");
    const last = datasets.map(({ label, data }) => `${label} ${data.filter((v) => v !== null).at(-1) ?? "none"}`);
    canvas.setAttribute("aria-label", `${figure.firstChild.textContent}; latest: ${last.join(", ") || "nothing"}`);
    drawn.set(chart.id, new Chart(canvas, {
      type: "line",
      data: { labels, datasets },
      options: {
        animation: false, responsive: true, maintainAspectRatio: false, interaction: { mode: "index", intersect: false },
        plugins: { legend: { position: "bottom", labels: { color: ink, boxWidth: 8, boxHeight: 8 } } },
        scales: {
          x: { ticks: { color: ink, maxTicksLimit: 7, maxRotation: 0 }, grid: { display: false } },
          y: { beginAtZero: true, ticks: { color: ink, maxTicksLimit: 5 }, grid: { color: grid } },
        },
      },
    }));
  };

  const chart = async () => {
    const part = document.getElementById("charts");
    if (!part || document.hidden) return;
    const answer = await fetch(part.dataset.url, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const { labels, charts } = await answer.json();
    for (const one of charts) draw(part.querySelector(".sl-charts"), labels, one);
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-range]");
    if (!button) return;
    document.getElementById("charts").dataset.url = button.dataset.range;
    for (const other of document.querySelectorAll("[data-range]")) other.setAttribute("aria-pressed", String(other === button));
    chart().catch(console.error);
  });

  let minute = new Date().getMinutes();
  document.addEventListener("sightline:live", () => {
    const now = new Date().getMinutes();
    if (now === minute) return;
    minute = now;
    chart().catch(console.error);
  });
  document.addEventListener("DOMContentLoaded", () => {
    if (!document.getElementById("charts")) return;
    chart().catch(console.error);
    new MutationObserver(() => chart().catch(console.error)).observe(document.documentElement, { attributeFilter: ["class"] });
  });
})();
