"use strict";
// The page polls once a second; everything it shows comes from the console's own interface on the same address.
const SPAN = 180, HEIGHT = 200;
const SERIES = [
  { title: "Offered, attempts and goodput, per s", names: ["offered", "attempts", "goodput"], colours: ["#66708a", "#cc6677", "#117733"] },
  { title: "Attempts per request (1 is at rest)", names: ["amplification"], colours: ["#cc6677"] },
  { title: "Latency in ms", names: ["p50", "p99"], colours: ["#4477aa", "#aa4499"], scale: 1000 },
  { title: "Queue depth and wasted work per s", names: ["queue", "wasted"], colours: ["#4477aa", "#cc6677"] },
  { title: "Breakers that are not closed", names: ["open"], colours: ["#aa4499"] },
];
const TOXICS = { latency: ["latency", 0, 1000, "ms"], bandwidth: ["rate", 0, 1000, "kB/s"] };
const element = (id) => document.getElementById(id);
const make = (tag, text = "", kind = "") => Object.assign(document.createElement(tag), { textContent: text, className: kind });

async function ask(path, method = "GET", body = undefined) {
  const options = { method, body: body === undefined ? undefined : JSON.stringify(body) };
  const answer = await fetch(path, options);
  const kind = answer.headers.get("content-type") || "";
  const value = kind.includes("json") ? await answer.json() : await answer.text();
  if (!answer.ok) throw new Error(value.error || answer.statusText);
  return value;
}

let samples = [];
const charts = SERIES.map((one) => {
  const options = {
    title: one.title, width: 400, height: HEIGHT, cursor: { sync: { key: "all" } },
    axes: [{ space: 90, values: (_, times) => times.map((t) => new Date(t * 1000).toLocaleTimeString("en-GB")) }, {}],
    scales: { y: { range: (_, low, high) => [0, Math.max(1, high * 1.1 || 1)] } },
    series: [{ label: "at", value: (_, t) => t == null ? "" : new Date(t * 1000).toLocaleTimeString("en-GB") }, ...one.names.map((label, i) => ({ label, stroke: one.colours[i], width: 2, points: { show: false },
      value: (_, value) => value == null ? "–" : value.toFixed(value < 10 ? 2 : 0) }))],
    hooks: { drawClear: [shadeFaults] },
  };
  const chart = new uPlot(options, [[], ...one.names.map(() => [])], element("charts"));
  new ResizeObserver(() => chart.setSize({ width: Math.max(200, chart.root.parentElement.clientWidth / columns() - 12), height: HEIGHT }))
    .observe(element("charts"));
  return { ...one, chart };
});
function columns() { return getComputedStyle(element("charts")).gridTemplateColumns.split(" ").length; }
function shadeFaults(plot) {
  plot.ctx.fillStyle = "#cc667722";
  for (const one of samples) if (one.faults.length) {
    const left = plot.valToPos(one.t - 1, "x", true), right = plot.valToPos(one.t, "x", true);
    plot.ctx.fillRect(left, plot.bbox.top, right - left, plot.bbox.height);
  }
}
function draw() {
  const times = samples.map((one) => one.t);
  for (const { chart, names, scale = 1 } of charts) {
    chart.setData([times, ...names.map((name) => samples.map((one) => one[name] == null ? null : one[name] * scale))]);
    if (chart.cursor.left < 0 || chart.cursor.idx == null) chart.setLegend({ idx: times.length - 1 });
  }
}

async function tick() {
  const state = await ask("/api/state");
  const last = samples.length ? samples[samples.length - 1].t : 0;
  const fresh = await ask(`/api/samples?since=${last}`);
  for (const one of fresh) one.open = Object.values(one.breakers).filter((state) => state !== "closed").length;
  samples = samples.concat(fresh).slice(-SPAN);
  draw();
  element("state").textContent = `${state.targets.length} targets, ${state.spans} spans`;
  showLinks(state.links);
  element("faults").textContent = state.faults.length ? `fault active: ${state.faults.join(", ")}` : "";
  const run = state.scenario;
  element("scenario").textContent = !run.name ? "none started" : run.running ? `${run.name} is under way` : `${run.name}: ${verdict(run.said)}`;
}
function verdict(said) {
  try { const result = JSON.parse(said); return `${result.verdict}${result.valid ? "" : " (void)"}`; } catch { return said || "ended"; }
}

let links = {};
function showLinks(found) {
  if (JSON.stringify(found) === JSON.stringify(links)) return;
  links = found;
  element("links").replaceChildren(...Object.entries(found).map(([name, url]) =>
    Object.assign(make("a", name), { href: url, target: "_blank", rel: "noreferrer" })));
}

async function showProxies() {
  const found = await ask("/api/proxies");
  for (const [name, proxy] of Object.entries(found)) {
    let box = document.querySelector(`[data-proxy="${CSS.escape(name)}"]`);
    if (!box) element("proxies").append(box = proxyBox(name));
    box.querySelector("[type=checkbox]").checked = proxy.enabled;
    for (const toxic in TOXICS) {
      const slider = box.querySelector(`[name=${toxic}]`);
      const active = proxy.toxics.find((one) => one.type === toxic);
      if (document.activeElement !== slider) slider.value = active ? active.attributes[TOXICS[toxic][0]] : 0;
      slider.nextSibling.textContent = +slider.value ? `${slider.value} ${TOXICS[toxic][3]}` : "off";
    }
  }
  for (const box of document.querySelectorAll("[data-proxy]")) if (!(box.dataset.proxy in found)) box.remove();
}
function proxyBox(name) {
  const box = make("div", "", "proxy"), up = make("label", name, "switch");
  box.dataset.proxy = name;
  const check = Object.assign(make("input"), { type: "checkbox", title: "lets traffic through" });
  check.onchange = () => ask(`/api/proxies/${name}`, "PUT", { enabled: check.checked }).catch(complain);
  up.append(check);
  box.append(up);
  for (const [toxic, [attribute, low, high]] of Object.entries(TOXICS)) {
    const label = make("label", toxic), slider = Object.assign(make("input"), { type: "range", name: toxic, min: low, max: high, step: 10, value: 0 });
    slider.onchange = () => {
      const path = `/api/proxies/${name}/toxics/${toxic}`;
      (+slider.value ? ask(path, "PUT", { [attribute]: +slider.value }) : ask(path, "DELETE")).then(showProxies).catch(complain);
    };
    label.append(slider, make("output", "off"));
    box.append(label);
  }
  return box;
}
function complain(error) { element("scenario").textContent = error.message; }

async function showScenarios() {
  for (const one of await ask("/api/scenarios")) {
    const row = make("div", "", "scenario"), choice = make("select"), button = make("button", "Start");
    const label = Object.assign(make("span", one.name), { title: one.title });
    for (const variant of ["", ...one.variants]) choice.append(Object.assign(make("option", variant || "as it is"), { value: variant }));
    button.dataset.scenario = one.name;
    button.onclick = () => ask("/api/scenarios", "POST", { name: one.name, variant: choice.value }).catch(complain);
    row.append(label, choice, button);
    element("scenarios").append(row);
  }
  const stop = make("button", "Stop the scenario");
  stop.onclick = () => ask("/api/scenarios", "DELETE").catch(complain);
  element("scenarios").prepend(stop);
}

async function showTraces() {
  const body = element("traces").tBodies[0], { data } = await ask("/api/traces?limit=12");
  body.replaceChildren(...data.map((trace) => {
    const spans = trace.spans, start = spans[0].startTime, end = Math.max(...spans.map((one) => one.startTime + one.duration));
    const names = [...new Set(spans.map((one) => trace.processes[one.processID].serviceName))].join(" → ");
    const row = make("tr");
    const cells = [new Date(start / 1000).toLocaleTimeString(), spans[0].operationName, names, spans.length, ((end - start) / 1000).toFixed(1)];
    row.append(...cells.map((text) => make("td", text)));
    row.onclick = () => waterfall(trace.traceID).catch(complain);
    return row;
  }));
}
async function waterfall(id) {
  const [trace] = (await ask(`/api/traces/${id}`)).data, spans = trace.spans;
  const start = spans[0].startTime, whole = Math.max(1, ...spans.map((one) => one.startTime + one.duration - start));
  const title = make("h3", `trace ${id}`);
  if (links.Jaeger) title.append(" ", Object.assign(make("a", "in Jaeger"), { href: `${links.Jaeger}/trace/${id}`, target: "_blank", rel: "noreferrer" }));
  element("waterfall").replaceChildren(title, ...spans.map((one) => {
    const bar = make("div", "", "bar"), fill = make("i");
    fill.style.left = `${100 * (one.startTime - start) / whole}%`;
    fill.style.width = `${100 * one.duration / whole}%`;
    bar.append(fill, make("span", `${trace.processes[one.processID].serviceName}: ${one.operationName}, ${(one.duration / 1000).toFixed(2)} ms`));
    bar.title = one.tags.map((tag) => `${tag.key} = ${tag.value}`).join("\n");
    return bar;
  }));
}
async function showLog() {
  const log = element("log"), atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
  log.textContent = await ask("/api/log");
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function repeatedly(step, milliseconds) {
  const again = () => step().catch((error) => { element("state").textContent = `no answer: ${error.message}`; }).finally(() => setTimeout(again, milliseconds));
  again();
}
showScenarios().catch(complain);
repeatedly(tick, 1000);
repeatedly(showProxies, 2000);
repeatedly(showTraces, 2000);
repeatedly(showLog, 2000);
