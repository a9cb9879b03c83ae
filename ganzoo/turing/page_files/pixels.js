// Images: the same lines for every one. The PNG files are uncompressed, so no decoder and no canvas is read, which some
// browsers disturb on purpose; the enlargement is computed here, so it is the same in every browser.

/** The samples of an uncompressed PNG with filter 0: {width, height, channels, data}. */
function decoded(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const width = view.getUint32(16), height = view.getUint32(20), channels = bytes[25] === 2 ? 3 : 1;
  const rows = new Uint8Array(height * (width * channels + 1));
  let at = 43, filled = 0, last = false;  // signature, IHDR, length and name of IDAT, two bytes of zlib
  while (!last) {
    last = bytes[at] === 1;
    const size = view.getUint16(at + 1, true);
    rows.set(bytes.subarray(at + 5, at + 5 + size), filled);
    at += 5 + size;
    filled += size;
  }
  const data = new Uint8Array(height * width * channels), stride = width * channels;
  for (let y = 0; y < height; y++) data.set(rows.subarray(y * (stride + 1) + 1, (y + 1) * (stride + 1)), y * stride);
  return { width, height, channels, data };
}

/** For each enlarged position: the four neighbours and their weights (Catmull-Rom), or the nearest one. */
function taps(size, factor, how) {
  const found = [];
  for (let to = 0; to < size * factor; to++) {
    const from = (to + 0.5) / factor - 0.5, base = Math.floor(from), t = from - base;
    const inside = (n) => Math.min(Math.max(n, 0), size - 1);
    if (how === "nearest") found.push([[Math.floor(to / factor)], [1]]);
    else found.push([[-1, 0, 1, 2].map((n) => inside(base + n)), [
      ((2 - t) * t - 1) * t / 2, ((3 * t - 5) * t * t + 2) / 2, ((4 - 3 * t) * t + 1) * t / 2, (t - 1) * t * t / 2,
    ]]);
  }
  return found;
}

function enlarged(image, factor, how) {
  const { width, height, channels, data } = image, wide = width * factor, tall = height * factor;
  const across = taps(width, factor, how), down = taps(height, factor, how);
  const half = new Float32Array(height * wide * channels), out = new ImageData(wide, tall);
  for (let y = 0; y < height; y++) for (let x = 0; x < wide; x++) for (let c = 0; c < channels; c++) {
    let sum = 0;
    across[x][0].forEach((from, n) => { sum += across[x][1][n] * data[(y * width + from) * channels + c]; });
    half[(y * wide + x) * channels + c] = sum;
  }
  for (let y = 0; y < tall; y++) for (let x = 0; x < wide; x++) {
    const to = 4 * (y * wide + x);
    for (let c = 0; c < 3; c++) {
      let sum = 0;
      const channel = channels === 3 ? c : 0;
      down[y][0].forEach((from, n) => { sum += down[y][1][n] * half[(from * wide + x) * channels + channel]; });
      out.data[to + c] = sum;  // rounded and clamped by the array
    }
    out.data[to + 3] = 255;
  }
  return out;
}

/** Put pixels on a canvas that is `css` pixels wide. */
function painted(canvas, pixels, css) {
  canvas.width = pixels.width;
  canvas.height = pixels.height;
  canvas.style.width = `${css}px`;
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

/** A mask: noise in blocks of one pixel of the original. */
function noisy(width, height, factor) {
  const values = Array.from({ length: width * height }, () => Math.floor(256 * Math.random()));
  return enlarged({ width, height, channels: 1, data: values }, factor, "nearest");
}
