// SPDX-FileCopyrightText: 2026 vla_ros contributors
// SPDX-License-Identifier: Apache-2.0
// What has happened in the last seconds, drawn on a canvas: the queue, and each joint.

const SPAN = { queue: 20, joint: 10 }; // s

function prepare(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext('2d');
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = '11px system-ui, sans-serif';
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  return { pen, width, height, colour };
}

function forget(samples, span) {
  const now = samples.at(-1).time;
  while (samples.length > 2 && samples[1].time < now - span) samples.shift();
}

export class QueuePlot {
  constructor(canvas) { Object.assign(this, { canvas, samples: [], refills: [], rows: 0 }); }

  // status: of the queue; time in s; rows: the actions of a chunk, 0 where that is not known yet
  add(status, time, rows) {
    const last = this.samples.at(-1);
    if (last && time < last.time) this.samples.length = this.refills.length = 0;
    if (last && status.accepted > last.accepted) this.refills.push({ time, fill: status.fill });
    this.samples.push({ time, fill: status.fill, mode: status.mode, accepted: status.accepted });
    this.threshold = status.threshold;
    this.rows = rows;
    forget(this.samples, SPAN.queue);
    this.refills = this.refills.filter((refill) => refill.time > time - SPAN.queue);
  }

  draw() {
    const { pen, width, height, colour } = prepare(this.canvas);
    if (this.samples.length === 0) return;
    const now = this.samples.at(-1).time, [left, top, bottom] = [42, 8, 18];
    const x = (time) => left + (width - left - 6) * (1 - (now - time) / SPAN.queue);
    const y = (fill) => top + (height - top - bottom) * (1 - fill);
    pen.save();
    pen.beginPath(); pen.rect(left, 0, width, height); pen.clip();
    this.drawStarved(pen, x, top, height - top - bottom, colour);
    this.drawLevel(pen, x, y, colour);
    pen.restore();
    pen.strokeStyle = colour('warn');
    pen.setLineDash([6, 4]);
    pen.beginPath(); pen.moveTo(left, y(this.threshold)); pen.lineTo(width - 6, y(this.threshold)); pen.stroke();
    pen.setLineDash([]);
    pen.fillStyle = colour('good');
    for (const refill of this.refills) {
      pen.beginPath(); pen.arc(x(refill.time), y(refill.fill), 3.5, 0, 7); pen.fill();
    }
    this.drawAxes(pen, x, y, now, colour, left, width, height);
  }

  drawStarved(pen, x, top, tall, colour) {
    pen.fillStyle = colour('bad');
    pen.globalAlpha = 0.25;
    this.samples.forEach((sample, i) => {
      const next = this.samples[i + 1];
      if (sample.mode === 'STARVED' && next) pen.fillRect(x(sample.time), top, x(next.time) - x(sample.time) + 1, tall);
    });
    pen.globalAlpha = 1;
  }

  drawLevel(pen, x, y, colour) {
    pen.beginPath();
    this.samples.forEach((sample, i) => (i ? pen.lineTo : pen.moveTo).call(pen, x(sample.time), y(sample.fill)));
    pen.strokeStyle = colour('new'); pen.lineWidth = 2; pen.stroke(); pen.lineWidth = 1;
    pen.lineTo(x(this.samples.at(-1).time), y(0)); pen.lineTo(x(this.samples[0].time), y(0));
    pen.globalAlpha = 0.15; pen.fillStyle = colour('new'); pen.fill(); pen.globalAlpha = 1;
  }

  drawAxes(pen, x, y, now, colour, left, width, height) {
    pen.strokeStyle = colour('line');
    pen.strokeRect(left, y(1), width - left - 6, y(0) - y(1));
    pen.fillStyle = colour('quiet');
    pen.textAlign = 'right';
    for (const share of [0, 0.5, 1]) {
      const text = this.rows ? String(Math.round(share * this.rows)) : `${100 * share} %`;
      pen.fillText(text, left - 4, y(share) + 4);
    }
    pen.textAlign = 'center';
    for (const age of width < 360 ? [10] : [15, 10, 5]) pen.fillText(`${age} s ago`, x(now - age), height - 4);
    pen.textAlign = 'right';
    pen.fillText('now', width - 6, height - 4);
  }
}

export class JointPlot {
  constructor(canvas) { Object.assign(this, { canvas, samples: [] }); }

  // in the unit that is shown; commanded is undefined where nobody commands
  add(time, measured, commanded) {
    if (this.samples.length && time < this.samples.at(-1).time) this.samples.length = 0;
    this.samples.push({ time, measured, commanded });
    forget(this.samples, SPAN.joint);
  }

  draw(lower, upper, least) {
    const { pen, width, height, colour } = prepare(this.canvas);
    if (this.samples.length === 0) return;
    const now = this.samples.at(-1).time;
    const values = this.samples.flatMap((s) => [s.measured, s.commanded ?? s.measured]);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const middle = (low + high) / 2, half = 0.55 * Math.max(high - low, least);
    const x = (time) => width * (1 - (now - time) / SPAN.joint);
    const y = (value) => height * (0.5 - 0.5 * (value - middle) / half);
    pen.strokeStyle = colour('line');
    pen.strokeRect(0.5, 0.5, width - 1, height - 1);
    pen.strokeStyle = colour('bad');
    for (const limit of [lower, upper]) {
      if (y(limit) < 0 || y(limit) > height) continue;
      pen.beginPath(); pen.moveTo(0, y(limit)); pen.lineTo(width, y(limit)); pen.stroke();
    }
    for (const [key, name, dash, thick] of [['measured', 'ink', [], 1.5], ['commanded', 'ghost', [4, 3], 1.5]]) {
      pen.beginPath();
      const known = this.samples.filter((sample) => sample[key] !== undefined);
      known.forEach((s, i) => (i ? pen.lineTo : pen.moveTo).call(pen, x(s.time), y(s[key])));
      pen.setLineDash(dash); pen.lineWidth = thick; pen.strokeStyle = colour(name); pen.stroke();
    }
    pen.setLineDash([]); pen.lineWidth = 1;
  }
}
