// SPDX-FileCopyrightText: 2026 vla_ros contributors
// SPDX-License-Identifier: Apache-2.0
// The live page: shows what the server sends, and asks for what the person wants.

import { ArmView } from './arm.js';
import { Playback } from './playback.js';
import { JointPlot, QueuePlot } from './plots.js';

const LOST = 2000; // ms without a word after which the connection counts as lost
const STALE = 2000; // ms after which a picture is an old one
const STOP_TRIES = 5; // times that an emergency stop is sent again where it did not get through
const el = (id) => document.getElementById(id);
const arm = new ArmView(el('arm'));
const queue = new QueuePlot(el('queue-plot'));
const joints = []; // [{name, plot, value, scale, unit, lower, upper}]
const pictures = []; // [{figure, image, missing, rate, seen, count}]
let rows = 0; // actions of a chunk
let stoppable = true; // somebody is there who could stop the arm
let heard = 0; // ms, when the server last said something

// --- who may command ----------------------------------------------------------------------------

const given = new URLSearchParams(location.hash.slice(1)).get('token');
if (given) {
  sessionStorage.setItem('token', given);
  history.replaceState(null, '', location.pathname + location.search);
}
const token = given ?? sessionStorage.getItem('token') ?? '';
const buttons = [...document.querySelectorAll('button[data-command]')];
if (!token) {
  const text = 'Watching only: to command, open the link that the log of the node web shows.';
  el('rights').textContent = text;
  for (const button of document.querySelectorAll('button')) Object.assign(button, { disabled: true, title: text });
} else {
  el('rights').textContent = 'you may command';
}

async function wish(name, text) { // of a playback: nothing is said unless it was refused
  const { success, message } = await post(name, text).catch((error) => ({ success: false, message: error.message }));
  if (!success) say(`${name}: ${message}`, true);
}

const playback = new Playback(wish, Boolean(token));

async function post(name, text = '') {
  const answer = await fetch(`command/${name}`, {
    method: 'POST', body: text, headers: { Authorization: `Bearer ${token}` }, keepalive: true,
    signal: AbortSignal.timeout(3000),
  });
  return answer.json();
}

function say(text, bad) {
  Object.assign(el('answer'), { textContent: text, hidden: false, className: bad ? 'bad' : '' });
  clearTimeout(say.timer);
  if (!bad) say.timer = setTimeout(() => { el('answer').hidden = true; }, 5000);
}

async function command(name, text) {
  try {
    const { success, message } = await post(name, text);
    say(message === 'done' ? `${name}: done` : message, !success);
  } catch (error) {
    say(`${name}: the server did not answer (${error.message})`, true);
  }
}

async function stop() {
  if (!token) return say(el('rights').textContent, true);
  if (!stoppable) return say('This page cannot stop the arm: use its switch.', true);
  let reason = '';
  for (let i = 0; i < STOP_TRIES; i++) {
    try {
      const { success, message } = await post('estop');
      if (success) return say('Emergency stop: the arm brakes and holds.', false);
      reason = message;
    } catch (error) {
      reason = error.message;
    }
    say(`E-STOP IS NOT CONFIRMED: use the switch of the arm! (${reason})`, true);
    await new Promise((resolve) => { setTimeout(resolve, 200); });
  }
}

for (const button of buttons) {
  if (button.dataset.command !== 'estop') {
    button.addEventListener('click', () => command(button.dataset.command));
  }
}
// at the first touch, not when the finger is lifted
el('estop').addEventListener('pointerdown', stop);
el('estop').addEventListener('click', (event) => { if (event.detail === 0) stop(); });

const typing = (target) => target.matches('input, textarea, select') && target.type !== 'range';
const stops = (event) => event.key === 'Escape' || (event.key === ' ' && !typing(event.target));
for (const moment of ['keydown', 'keyup']) { // at the latter, space would press a focused button
  document.addEventListener(moment, (event) => {
    if (playback.shown) {
      if (!token || typing(event.target)) return;
      const taken = moment === 'keydown' ? playback.press(event.key) : event.key === ' ';
      if (taken) event.preventDefault();
      return;
    }
    if (!stops(event)) return;
    event.preventDefault();
    if (moment === 'keydown' && !event.repeat) stop();
  }, { capture: true });
}

el('instruct').addEventListener('submit', (event) => {
  event.preventDefault();
  command('instruction', el('instruction').value);
});

// --- what is shown ------------------------------------------------------------------------------

const seconds = (value, digits = 2) => (value == null ? '–' : `${value.toFixed(digits)} s`);
const milliseconds = (value) => `${Math.round(1000 * value)} ms`;

function make(kind, className, text = '') {
  return Object.assign(document.createElement(kind), { className, textContent: text });
}

function showHello({ robot, cameras, namespace }) {
  document.title = namespace === '/' ? 'vla_ros' : `vla_ros ${namespace}`;
  arm.setRobot(robot);
  const sliding = new Set(robot.joints.filter((j) => j.kind === 'prismatic').map((j) => j.column));
  joints.length = 0;
  el('joint-rows').replaceChildren(...robot.joint_names.map((name, i) => {
    const row = make('div', 'joint'), canvas = make('canvas'), value = make('span', 'value', '–');
    row.append(make('span', '', name), canvas, value);
    const [scale, unit] = sliding.has(i) ? [1000, ' mm'] : [180 / Math.PI, '°'];
    joints.push({ plot: new JointPlot(canvas), value, scale, unit, lower: scale * robot.lower[i], upper: scale * robot.upper[i] });
    return row;
  }));
  pictures.length = 0;
  el('cameras').replaceChildren(...cameras.map((name) => {
    const figure = make('figure', 'stale'), box = make('div', 'picture');
    const image = Object.assign(new Image(), { alt: `Camera ${name}`, hidden: true });
    const missing = make('span', 'missing', 'no picture yet'), rate = make('span', 'quiet');
    const caption = make('figcaption');
    caption.append(make('span', '', name), rate);
    box.append(image, missing);
    figure.append(box, caption);
    pictures.push({ figure, image, missing, rate, seen: 0, count: 0 });
    return figure;
  }));
}

function showWords(status) {
  const { mode } = status;
  document.body.dataset.mode = mode;
  for (const id of ['headline', 'explanation', 'advice']) el(id).textContent = status[id];
  const reason = status.reason && !status.explanation.includes(status.reason) ? status.reason : '';
  el('reason').textContent = reason ? `The action queue says: ${reason}` : '';
  if (!token) return;
  const led = mode === 'RECORDING'; // whoever demonstrates moves the arm, and no policy
  const stopped = mode === 'ESTOP' || status.stopped || /~\/rearm/.test(status.reason ?? '');
  stoppable = !led || status.stops;
  const disabled = { rearm: !stopped, enable: stopped || led, hold: stopped || led, estop: !stoppable };
  for (const button of buttons) button.disabled = disabled[button.dataset.command] ?? false;
  el('estop-note').textContent = stoppable ? 'or press Space' : 'not here: use the switch of the arm';
}

function showStatus(status) {
  showWords(status);
  if (status.stamp === undefined) return;
  queue.add(status, status.stamp, rows);
  queue.draw();
  arm.setNow(status.stamp);
  const count = rows ? `${Math.round(status.fill * rows)} of ${rows} actions, ` : '';
  el('fill').textContent = `${count}${seconds(status.remaining, 1)} of motion`;
  el('latency').textContent = status.accepted ? milliseconds(status.latency) : '–';
  el('margin').textContent = status.accepted ? seconds(status.margin) : '–';
  el('forecast').textContent = seconds(status.forecast);
  for (const id of ['starved', 'rejected', 'limited']) el(id).textContent = status[id];
}

function showJoints({ measured, commanded }) {
  if (!measured) return;
  arm.setJoints(measured, commanded);
  const now = performance.now() / 1000;
  joints.forEach((joint, i) => {
    const [at, to] = [joint.scale * measured[i], commanded && joint.scale * commanded[i]];
    joint.plot.add(now, at, to);
    joint.plot.draw(joint.lower, joint.upper, 4);
    const target = to === undefined ? '' : ` → ${to.toFixed(1)}`;
    joint.value.textContent = `${at.toFixed(1)}${target}${joint.unit}`;
  });
}

function showChunk(chunk) {
  rows = chunk.rows;
  const total = Math.max(chunk.latency, ...chunk.stages.map((stage) => stage.end), 1e-3);
  const line = (name, start, end, className) => {
    const row = make('div', className), track = make('div', 'track'), bar = make('div', 'bar');
    bar.style.left = `${100 * start / total}%`;
    bar.style.width = `${100 * (end - start) / total}%`;
    track.append(bar);
    row.append(make('span', '', name), track, make('span', 'value', milliseconds(end - start)));
    return row;
  };
  el('stages').replaceChildren(
    ...chunk.stages.map((s) => line(s.stage.replaceAll('_', ' '), s.start, s.end, 'stage')),
    line('until it is here', 0, chunk.latency, 'stage total'),
  );
}

function showNodes({ nodes }) {
  el('node-rows').replaceChildren(...nodes.map((node) => {
    const row = make('tr'), name = make('td', '', node.name);
    if (node.warning) name.append(make('span', 'warning', node.warning));
    row.append(name, ...['state', 'device', 'cores', 'scheduler'].map((key) => make('td', '', node[key])));
    row.append(...['cpu', 'memory'].map((key) => make('td', 'number', node[key])));
    return row;
  }));
}

function showRecording({ missing, next, episode, clusters }) {
  el('recording').hidden = missing === undefined;
  if (missing === undefined) return;
  const left = missing === '0' ? 'Nothing is missing.' : missing && `${missing} episodes to go.`;
  const state = episode ? `Recording: ${episode}.` : 'Not recording.';
  el('recording-state').textContent = `${state} ${left} ${next ? `Next: ${next}.` : ''}`;
  const coming = /^cluster (\d+)/.exec(next ?? '');
  const boxes = clusters.map(([number, starts, ofStarts, recoveries, ofRecoveries]) => {
    const full = starts >= ofStarts && recoveries >= ofRecoveries;
    const isNext = coming && Number(coming[1]) === number;
    const box = make('div', `cluster${full ? ' full' : ''}${isNext ? ' next' : ''}`);
    const bar = Object.assign(document.createElement('progress'), {
      max: ofStarts + ofRecoveries, value: starts + recoveries,
    });
    box.append(make('strong', '', `cluster ${number}`), bar,
      make('span', '', `${starts}/${ofStarts} + ${recoveries}/${ofRecoveries}`));
    return box;
  });
  const grid = make('div', 'coverage');
  grid.append(...boxes);
  el('coverage').hidden = clusters.length === 0;
  el('coverage').replaceChildren(grid, make('p', 'quiet', 'Starts + recoveries, done of planned.'));
}

function showEpisode({ episode, event, cluster, detail, duration, over }) {
  const where = cluster ? `, cluster ${cluster}` : '';
  const long = duration ? ` after ${duration.toFixed(1)} s` : '';
  const which = over ? '' : `Episode ${episode + 1}${where}: `;
  el('episode').textContent = `${which}${event}${over ? '' : long}${detail ? ` (${detail})` : ''}`;
}

function showInstruction({ text }) {
  if (document.activeElement !== el('instruction')) el('instruction').value = text;
}

function showPicture(data) {
  const picture = pictures[new Uint8Array(data, 0, 1)[0]];
  if (!picture) return;
  const url = URL.createObjectURL(new Blob([new Uint8Array(data, 1)], { type: 'image/jpeg' }));
  const before = picture.image.src;
  picture.image.src = url;
  picture.image.hidden = false;
  picture.missing.hidden = true;
  picture.figure.classList.remove('stale');
  if (before) URL.revokeObjectURL(before);
  picture.seen = performance.now();
  picture.count += 1;
}

const SHOW = {
  hello: showHello,
  status: showStatus,
  joints: showJoints,
  chunk: showChunk,
  path: (path) => arm.setPath(path.points ? path : null),
  lens: ({ camera, across, up }) => arm.setLens(camera, across, up),
  nodes: showNodes,
  loop: ({ budget, lateness }) => {
    el('budget').textContent = budget ? `Budget: ${budget}` : '';
    el('lateness').textContent = lateness ? `lateness of the control loop: ${lateness}` : '';
  },
  recording: showRecording,
  episode: showEpisode,
  instruction: showInstruction,
  playback: (state) => playback.show(state),
};

// --- the connection -----------------------------------------------------------------------------

// A browser that is slower than the server draws the newest of everything, and nothing that is old.
const waiting = new Map(); // what has come since the last frame, by what it is

function take(data) {
  if (typeof data !== 'string') return waiting.set(`picture ${new Uint8Array(data, 0, 1)[0]}`, () => showPicture(data));
  const item = JSON.parse(data);
  return waiting.set(`${item.kind} ${item.camera ?? ''}`, () => SHOW[item.kind]?.(item));
}

function showWaiting() {
  const shows = [...waiting.values()];
  waiting.clear();
  for (const show of shows) show();
}

function connect() {
  const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}${location.pathname}live`);
  socket.binaryType = 'arraybuffer';
  socket.onmessage = ({ data }) => {
    heard = performance.now();
    el('link').textContent = 'connected';
    if (waiting.size === 0) requestAnimationFrame(showWaiting);
    take(data);
  };
  socket.onclose = () => {
    el('link').textContent = 'connection lost: trying again';
    setTimeout(connect, 1000);
  };
}

addEventListener('resize', () => { // what is shown may stand still
  queue.draw();
  for (const joint of joints) joint.plot.draw(joint.lower, joint.upper, 4);
});

let looked = performance.now();
setInterval(() => {
  const now = performance.now(), elapsed = (now - looked) / 1000;
  looked = now;
  for (const picture of pictures) {
    const stale = now - picture.seen > STALE && !(playback.shown && picture.seen); // time may stand still
    picture.figure.classList.toggle('stale', stale);
    picture.missing.hidden = !stale;
    if (picture.seen) picture.missing.textContent = `no picture for ${Math.round((now - picture.seen) / 1000)} s`;
    const rate = picture.count / elapsed;
    picture.rate.textContent = stale || playback.shown ? '' : `${rate.toFixed(rate < 5 ? 1 : 0)} / s`;
    picture.count = 0;
  }
  if (now - heard > LOST) {
    showWords({
      mode: 'SILENT', headline: 'No connection', explanation: 'This page no longer hears from the arm.',
      advice: 'What you see is old. Look at the arm itself.', reason: '',
    });
  }
}, 1000);
connect();
