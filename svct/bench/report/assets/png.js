/** Decode a greyscale PNG of 16 bits, which a canvas would cut down to 8. Returns width, height and values. */
async function decodePng(base64) {
  const bytes = await bytesOf(base64);
  const view = new DataView(bytes.buffer);
  const parts = [];
  let width = 0, height = 0;
  for (let at = 8; at < bytes.length; at += 12 + view.getUint32(at)) {
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (name === "IHDR") [width, height] = [view.getUint32(at + 8), view.getUint32(at + 12)];
    if (name === "IDAT") parts.push(bytes.subarray(at + 8, at + 8 + view.getUint32(at)));
  }
  const packed = new Uint8Array(await new Blob(parts).arrayBuffer());
  const rows = unfilter(await inflate(packed, "deflate"), width * 2, height);
  const values = new Int32Array(width * height);
  for (let i = 0; i < values.length; i++) values[i] = (rows[2 * i] << 8) + rows[2 * i + 1];
  return { width, height, values };
}

/** Undo the filters of PNG (ISO 15948, section 9) for two bytes a pixel. */
function unfilter(data, stride, height) {
  const out = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = data[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const left = x > 1 ? out[y * stride + x - 2] : 0;
      const up = y ? out[(y - 1) * stride + x] : 0;
      const corner = x > 1 && y ? out[(y - 1) * stride + x - 2] : 0;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
      out[y * stride + x] = data[y * (stride + 1) + 1 + x] + guess;
    }
  }
  return out;
}

function paeth(left, up, corner) {
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}
