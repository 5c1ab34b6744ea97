const SYMBOLS = {
  circle: "M12 3a5 5 0 1 0 .01 0Z", square: "M7 3h10v10H7Z", diamond: "M12 2l6 6-6 6-6-6Z", "triangle-up": "M12 2l6 11H6Z",
  cross: "M10 3h4v3h3v4h-3v3h-4v-3H7V6h3Z", x: "M8 3l4 3 4-3 2 2-3 3 3 3-2 2-4-3-4 3-2-2 3-3-3-3Z",
  star: "M12 1l2 5h5l-4 3 2 5-5-3-5 3 2-5-4-3h5Z", pentagon: "M12 2l6 5-2 6H8L6 7Z", hourglass: "M6 3h12l-5 5 5 5H6l5-5Z",
};

function swatch(style) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 16");
  svg.setAttribute("aria-hidden", "true");
  for (const [d, paint] of [["M0 8H24", "stroke"], [SYMBOLS[style.symbol], "fill"]]) {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", d);
    path.setAttribute(paint, style.colour);
    svg.append(path);
  }
  return svg;
}

function traceOf(line) {
  const style = DATA.styles[line.name];
  return {
    type: "scatter", mode: "lines+markers", name: line.name, x: line.x, y: line.y, customdata: line.at,
    error_y: { type: "data", symmetric: false, array: line.plus, arrayminus: line.minus, thickness: 1.2, width: 3 },
    line: { color: style.colour, width: 1.8 }, marker: { color: style.colour, symbol: style.symbol, size: 7 },
    hovertemplate: "%{customdata}: %{y:.4g}",
  };
}

function layoutOf(panel) {
  const axis = { zeroline: false, showline: true, ticks: "outside", ticklen: 4, fixedrange: true };
  // One position alone would be stretched over the whole axis.
  const range = panel.ticks.length > 1 ? {} : { range: [Math.log10(panel.ticks[0] / 1.5), Math.log10(panel.ticks[0] * 1.5)] };
  return {
    margin: { l: 56, r: 8, t: 6, b: 42 }, height: 250, showlegend: false, hovermode: "closest", dragmode: false,
    paper_bgcolor: "transparent", plot_bgcolor: "transparent", font: { family: "system-ui, sans-serif", size: 12 },
    xaxis: { ...axis, ...range, type: "log", tickvals: panel.ticks, ticktext: panel.ticks.map(String), title: { text: panel.x, standoff: 6 } },
    yaxis: { ...axis, zeroline: true, title: { text: panel.y, standoff: 4 }, nticks: 6 },
  };
}

/** Draw the panels of a chart under the chosen key. */
async function drawChart(chart) {
  const key = keyOf(chart.dataset.chart);
  const figures = DATA.charts[chart.dataset.chart][key] ?? {};
  const holder = chart.querySelector(".panels");
  const off = new Set([...chart.querySelectorAll(".legend [aria-pressed=false]")].map((button) => button.dataset.line));
  holder.querySelectorAll(".plot").forEach((plot) => Plotly.purge(plot));
  holder.replaceChildren();
  showKey(chart, key);
  chart.querySelector(".none").hidden = Object.keys(figures).length > 0;
  const names = [...new Set(Object.values(figures).flatMap((panel) => panel.traces.map((trace) => trace.name)))];
  drawLegend(chart, names, off);
  const plots = Object.keys(figures).map((name) => {
    const plot = make("div", { class: "plot", role: "img" });
    holder.append(make("figure", {}, make("figcaption", {}, name), plot));
    return plot;
  });
  for (const [i, [name, panel]] of Object.entries(figures).entries()) {
    const shown = panel.traces.filter((trace) => !off.has(trace.name));
    plots[i].ariaLabel = `${panel.y} against ${panel.x}, ${name}: ${shown.map((trace) => trace.name).join(", ")}. The table below has the figures.`;
    await Plotly.newPlot(plots[i], shown.map(traceOf), layoutOf(panel), { displayModeBar: false, responsive: true });
  }
}

function drawLegend(chart, names, off) {
  chart.querySelector(".legend").replaceChildren(...names.map((name) => {
    const button = make("button", { type: "button", "aria-pressed": String(!off.has(name)), "data-line": name }, swatch(DATA.styles[name]), name);
    button.addEventListener("click", async () => {
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") === "false"));
      await drawChart(chart);
      chart.querySelector(`.legend [data-line="${CSS.escape(name)}"]`).focus();
    });
    return button;
  }));
}

/** Unpack plotly.js, then draw every chart. */
async function drawCharts() {
  const charts = document.querySelectorAll(".chart");
  if (charts.length) {
    const source = await bytesOf(document.getElementById("plotly").textContent, "gzip");
    document.head.append(make("script", {}, new TextDecoder().decode(source)));
  }
  for (const chart of charts) {
    onChoice(chart.dataset.chart, () => drawChart(chart));
    await drawChart(chart);
  }
  document.documentElement.dataset.drawn = "charts";
}

/** Two drawings fit side by side on paper. */
function resizeCharts(size) {
  for (const plot of document.querySelectorAll(".plot")) Plotly.relayout(plot, size);
}

window.addEventListener("beforeprint", () => resizeCharts({ autosize: false, width: 325, height: 215 }));
window.addEventListener("afterprint", () => resizeCharts({ autosize: true, width: null, height: 250 }));
drawCharts();
