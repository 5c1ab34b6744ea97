const PRESETS = {
  "patient": null, "whole body": [1400, -300], "lung": [1500, -500], "abdomen": [400, 40], "head": [80, 40], "bone": [1800, 400], "metal": [8000, 3000],
};
const GROUPS = DATA.groups;
const viewer = { zoom: 1, x: 0.5, y: 0.5, images: new Map(), shown: new Map(), pointer: null };
const control = (name) => document.getElementById(`v-${name}`);
const number = (name) => Number(control(name).value);

/** Put options into a select and keep its value where that is among them. */
function fill(select, options, wanted) {
  const before = wanted ?? select.value;
  select.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
  if (options.some(([value]) => value === before)) select.value = before;
}

const unique = (values) => [...new Set(values)].map((value) => [String(value), String(value)]);

function decoded(png) {
  if (!viewer.images.has(png)) viewer.images.set(png, decodePng(png));
  return viewer.images.get(png);
}

/** Find the images of the chosen task, views and patient, build the grid, then paint. */
async function showGroup() {
  const panel = control("panel").value;
  const ofPanel = GROUPS.filter((group) => group.panel === panel);
  fill(control("views"), unique(ofPanel.map((group) => group.views).sort((a, b) => a - b)), viewer.started ? undefined : String(GROUPS[0].views));
  const ofViews = ofPanel.filter((group) => String(group.views) === control("views").value);
  fill(control("patient"), unique(ofViews.map((group) => group.patient)));
  viewer.started = true;
  const group = ofViews.find((one) => String(one.patient) === control("patient").value);
  const names = Object.keys(group.images);
  viewer.shown = new Map([["truth", await decoded(group.truth)]]);
  for (const name of names) viewer.shown.set(name, await decoded(group.images[name]));
  const choices = [["truth", "truth"], ...names.map((name) => [name, name.replace("|", ", ")])];
  const best = names.filter((name) => name.split("|")[0] === names[names.length - 1].split("|")[0]);
  fill(control("a"), choices, control("a").value || best[0]);
  fill(control("b"), choices, control("b").value || best[best.length - 1]);
  buildGrid(group, names);
  if (control("preset").value === "patient") applyPreset();
  paint();
}

function buildGrid(group, names) {
  const rows = new Map();
  for (const name of names) {
    const [reconstructor] = name.split("|");
    rows.set(reconstructor, [...(rows.get(reconstructor) ?? []), name]);
  }
  const grid = control("grid");
  const columns = 1 + Math.max(...[...rows.values()].map((row) => row.length));
  grid.style.setProperty("--columns", columns);
  const truth = figureOf("truth", "truth", `patient ${group.patient}, ${group.pixel_mm.toPrecision(3)} mm pixels`);
  truth.style.setProperty("--rows", rows.size);
  truth.classList.add("truth");
  grid.replaceChildren(truth);
  for (const [reconstructor, row] of rows) {
    row.forEach((name, i) => {
      const figure = figureOf(name, `${reconstructor}, ${name.split("|")[1]}`, group.about[name]);
      figure.style.setProperty("--column", i + 2);
      grid.append(figure);
    });
  }
}

function figureOf(name, title, about) {
  const canvas = make("canvas", { role: "img", "aria-label": `${title}: ${about}`, "data-image": name });
  return make("figure", {}, canvas, make("figcaption", {}, make("b", {}, title), ` ${about}`));
}

/** Return the picture of an image under window or range, one pixel for each of the image's. */
function rendered(name) {
  const image = viewer.shown.get(name);
  const truth = viewer.shown.get("truth");
  const pixels = new ImageData(image.width, image.height);
  const difference = control("mode").value === "difference" && name !== "truth";
  const [width, level, range] = [number("width"), number("level"), number("range")];
  for (let i = 0; i < image.values.length; i++) {
    let colour;
    if (difference) colour = diverging((image.values[i] - truth.values[i]) / range);
    else {
      const grey = ((image.values[i] + DATA.intercept - level) / width + 0.5) * 255;
      colour = [grey, grey, grey];
    }
    pixels.data.set([...colour, 255], 4 * i);
  }
  const canvas = make("canvas", { width: image.width, height: image.height });
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}

/** Blue below zero, white at zero, vermilion above: colours of Okabe and Ito. */
function diverging(value) {
  const end = value < 0 ? [0, 114, 178] : [213, 94, 0];
  const part = Math.min(1, Math.abs(value));
  return end.map((channel) => 255 + (channel - 255) * part);
}

/** Return where the picture of an image lies on its canvas: left, top, width, height. */
function placed(canvas, image) {
  const scale = (Math.min(canvas.width / image.width, canvas.height / image.height)) * viewer.zoom;
  return [canvas.width / 2 - viewer.x * image.width * scale, canvas.height / 2 - viewer.y * image.height * scale, image.width * scale, image.height * scale];
}

function paintOn(canvas, pictures) {
  const truth = viewer.shown.get("truth");
  const side = Math.round((canvas.clientWidth || 300) * (window.devicePixelRatio || 1));
  canvas.width = side;
  canvas.height = Math.round((side * truth.height) / truth.width);
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  pictures.forEach((picture, i) => {
    context.save();
    const from = i ? (canvas.width * number("split")) / 100 : 0;
    context.beginPath();
    context.rect(from, 0, canvas.width - from, canvas.height);
    context.clip();
    context.fillRect(from, 0, canvas.width - from, canvas.height);
    context.drawImage(picture, ...placed(canvas, truth));
    context.restore();
  });
  if (pictures.length > 1) {
    context.fillStyle = "#e69f00";
    context.fillRect((canvas.width * number("split")) / 100 - 1.5, 0, 3, canvas.height);
  }
}

/** Paint everything anew. */
function paint() {
  if (!viewer.shown.size) return;
  const pictures = new Map();
  const picture = (name) => pictures.get(name) ?? pictures.set(name, rendered(name)).get(name);
  for (const canvas of control("grid").querySelectorAll("canvas")) paintOn(canvas, [picture(canvas.dataset.image)]);
  paintOn(control("compare").querySelector("canvas"), [picture(control("a").value), picture(control("b").value)]);
  for (const name of ["width", "level", "range", "split"]) {
    const output = document.querySelector(`output[for=v-${name}]`);
    output.textContent = name === "split" ? `${control(name).value} %` : control(name).value;
  }
  read();
}

/** Tell the CT numbers under the pointer, or else in the middle. */
function read() {
  const truth = viewer.shown.get("truth");
  const [x, y] = viewer.pointer ?? [viewer.x, viewer.y];
  const [column, row] = [Math.floor(x * truth.width), Math.floor(y * truth.height)];
  const output = control("readout");
  if (column < 0 || row < 0 || column >= truth.width || row >= truth.height) {
    output.textContent = "outside of the image";
    return;
  }
  const at = row * truth.width + column;
  const told = [...viewer.shown].map(([name, image]) => `${name.replace("|", ", ")} ${image.values[at] + DATA.intercept}`);
  output.textContent = `HU at row ${row}, column ${column}: ${told.join("; ")}`;
}

function move(dx, dy) {
  const room = 0.5 / viewer.zoom;
  viewer.x = Math.min(1 - room, Math.max(room, viewer.x + dx));
  viewer.y = Math.min(1 - room, Math.max(room, viewer.y + dy));
  viewer.pointer = null;
  paint();
}

function zoom(factor) {
  viewer.zoom = Math.min(16, Math.max(1, viewer.zoom * factor));
  move(0, 0);
}

function step(name, change) {
  control(name).value = number(name) + change;
  control("preset").value = "";
  paint();
}

function applyPreset() {
  const preset = PRESETS[control("preset").value] ?? ownWindow();
  [control("width").value, control("level").value] = preset;
}

/** Return the window that holds the truth but for its darkest and brightest 0.5 %. */
function ownWindow() {
  const sorted = viewer.shown.get("truth").values.slice().sort();
  const [low, high] = [0.005, 0.995].map((part) => sorted[Math.floor(part * (sorted.length - 1))] + DATA.intercept);
  return [Math.max(80, high - low), (high + low) / 2];
}

const KEYS = {
  ArrowLeft: () => move(-0.1 / viewer.zoom, 0), ArrowRight: () => move(0.1 / viewer.zoom, 0),
  ArrowUp: () => move(0, -0.1 / viewer.zoom), ArrowDown: () => move(0, 0.1 / viewer.zoom),
  "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8),
  0: () => { viewer.zoom = 1; move(0, 0); },
  w: () => step("width", -50), W: () => step("width", 50), l: () => step("level", -20), L: () => step("level", 20),
  d: () => { control("mode").value = control("mode").value === "image" ? "difference" : "image"; paint(); },
};

/** Let a pointer move the image, and on the grid and the comparison read CT numbers. */
function followPointer(holder) {
  let last = null;
  const fraction = (event) => {
    const box = event.target.getBoundingClientRect();
    return [viewer.x + ((event.clientX - box.left) / box.width - 0.5) / viewer.zoom, viewer.y + ((event.clientY - box.top) / box.height - 0.5) / viewer.zoom];
  };
  holder.addEventListener("pointerdown", (event) => {
    if (event.target.tagName !== "CANVAS" || event.pointerType === "touch") return;
    last = [event.clientX, event.clientY];
    event.target.setPointerCapture(event.pointerId);
  });
  holder.addEventListener("pointermove", (event) => {
    if (event.target.tagName !== "CANVAS") return;
    if (last) {
      const side = event.target.clientWidth * viewer.zoom;
      move((last[0] - event.clientX) / side, (last[1] - event.clientY) / side);
      last = [event.clientX, event.clientY];
    }
    viewer.pointer = fraction(event);
    read();
  });
  for (const end of ["pointerup", "pointercancel"]) holder.addEventListener(end, () => { last = null; });
  holder.addEventListener("pointerleave", () => { viewer.pointer = null; read(); });
  holder.addEventListener("wheel", (event) => {
    if (!event.ctrlKey || event.target.tagName !== "CANVAS") return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15);
  }, { passive: false });
}

async function startViewer() {
  fill(control("panel"), unique(GROUPS.map((group) => group.panel).sort()), GROUPS[0].panel);
  fill(control("preset"), [...Object.keys(PRESETS).map((name) => [name, name]), ["", "own"]], "patient");
  for (const name of ["panel", "views", "patient"]) control(name).addEventListener("change", showGroup);
  for (const name of ["mode", "a", "b"]) control(name).addEventListener("change", paint);
  for (const name of ["range", "split"]) control(name).addEventListener("input", paint);
  for (const name of ["width", "level"]) control(name).addEventListener("input", () => step(name, 0));
  control("preset").addEventListener("change", () => { applyPreset(); paint(); });
  control("in").addEventListener("click", KEYS["+"]);
  control("out").addEventListener("click", KEYS["-"]);
  control("all").addEventListener("click", KEYS[0]);
  control("grid").addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  followPointer(control("grid"));
  followPointer(control("compare"));
  control("range").value = 300;
  await showGroup();
  new ResizeObserver(paint).observe(control("grid"));
  document.documentElement.dataset.images = "shown";
}

if (GROUPS.length) startViewer();
