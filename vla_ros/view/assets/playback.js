// SPDX-FileCopyrightText: 2026 vla_ros contributors
// SPDX-License-Identifier: Apache-2.0
// The controls of a recording that is played: pause, any moment, speed, which one.

const SEEK_PERIOD = 150; // ms between two wishes while the slider is dragged
const STEP = 1; // s that an arrow key goes

const el = (id) => document.getElementById(id);
const clock = (seconds) => {
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
  return `${minutes}:${rest.toFixed(1).padStart(4, '0')}`;
};

export class Playback {
  // ask(name, text) sends a command
  constructor(ask, mayCommand) {
    Object.assign(this, { ask, mayCommand, state: null, dragged: false, sought: 0 });
    el('play').addEventListener('click', () => this.toggle());
    el('seek').addEventListener('input', () => this.drag());
    el('seek').addEventListener('change', () => { this.dragged = false; this.seek(Number(el('seek').value)); });
    el('speed').addEventListener('change', () => ask('speed', el('speed').value));
    el('bag').addEventListener('change', () => ask('bag', el('bag').value));
  }

  get shown() { return this.state !== null; }

  toggle() { this.ask(this.state.playing ? 'pause' : 'play', ''); }

  seek(position) { this.ask('seek', String(position)); }

  drag() {
    this.dragged = true;
    el('position').textContent = this.describe(Number(el('seek').value));
    if (performance.now() - this.sought < SEEK_PERIOD) return;
    this.sought = performance.now();
    this.seek(Number(el('seek').value));
  }

  // says whether the key was one of the playback's
  press(key) {
    if (key === ' ') this.toggle();
    else if (key === 'ArrowLeft') this.seek(this.state.position - STEP);
    else if (key === 'ArrowRight') this.seek(this.state.position + STEP);
    else return false;
    return true;
  }

  describe(position) { return `${clock(position)} of ${clock(this.state.duration)}`; }

  show(state) {
    const before = this.state;
    this.state = state;
    document.body.dataset.recorded = '';
    el('playback').hidden = false;
    for (const id of ['play', 'seek', 'speed', 'bag']) el(id).disabled = !this.mayCommand;
    el('play').textContent = state.playing ? 'Pause' : 'Play';
    if (before?.count !== state.count) {
      el('bag').replaceChildren(...Array.from({ length: state.count }, (_, i) => new Option(`${i + 1} of ${state.count}`, i)));
      el('bag').hidden = state.count < 2;
    }
    el('bag').value = state.number;
    el('speed').value = state.speed;
    el('bag-name').textContent = state.name;
    el('seek').max = state.duration;
    if (!this.dragged) {
      el('seek').value = state.position;
      el('position').textContent = this.describe(state.position);
    }
    const lacking = Object.entries(state.missing).map(([topic, what]) => `${what} (${topic})`);
    el('lacking').textContent = lacking.length ? `Not in this recording: ${lacking.join(', ')}. ${state.hint}.` : '';
  }
}
