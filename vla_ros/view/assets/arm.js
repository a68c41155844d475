// SPDX-FileCopyrightText: 2026 vla_ros contributors
// SPDX-License-Identifier: Apache-2.0
// The arm, the planned path and what the cameras see, in WebGL. Metres; z points up.

const CAMERA_FRAME = (name) => `camera_${name}_optical_frame`;
const FRUSTUM = 0.06; // m, how long a camera's pyramid is drawn
const VERTEX = `
  attribute vec3 position, normal; attribute vec3 colour; uniform mat4 model, view;
  uniform float size; varying vec3 n, tint;
  void main() {
    gl_Position = view * model * vec4(position, 1.0);
    gl_PointSize = size; n = mat3(model) * normal; tint = colour;
  }`;
const FRAGMENT = `
  precision mediump float; varying vec3 n, tint; uniform vec4 paint; uniform float lit, dots;
  void main() {
    if (dots > 0.5 && length(gl_PointCoord - 0.5) > 0.5) discard;
    vec3 base = mix(tint, paint.rgb, paint.a > 0.0 ? 1.0 : 0.0);
    float light = 0.45 + 0.4 * max(dot(normalize(n + 1e-6), normalize(vec3(0.4, -0.5, 0.9))), 0.0)
                + 0.2 * max(dot(normalize(n + 1e-6), normalize(vec3(-0.6, 0.6, 0.3))), 0.0);
    gl_FragColor = vec4(base * mix(1.0, light, lit), paint.a > 0.0 ? paint.a : 1.0);
  }`;

// --- 4 x 4 matrices, column by column -----------------------------------------------------------

const identity = () => [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];

export function multiply(a, b) {
  const out = new Array(16);
  for (let c = 0; c < 4; c++) {
    for (let r = 0; r < 4; r++) {
      let sum = 0;
      for (let k = 0; k < 4; k++) sum += a[4 * k + r] * b[4 * c + k];
      out[4 * c + r] = sum;
    }
  }
  return out;
}

function rotation([x, y, z], angle) {
  const c = Math.cos(angle), s = Math.sin(angle), t = 1 - c;
  return [
    t * x * x + c, t * x * y + s * z, t * x * z - s * y, 0,
    t * x * y - s * z, t * y * y + c, t * y * z + s * x, 0,
    t * x * z + s * y, t * y * z - s * x, t * z * z + c, 0, 0, 0, 0, 1,
  ];
}

function motion(joint, positions) {
  if (joint.column < 0) return joint.origin;
  const q = joint.multiplier * positions[joint.column] + joint.offset;
  if (joint.kind !== 'prismatic') return multiply(joint.origin, rotation(joint.axis, q));
  const slide = identity();
  joint.axis.forEach((value, i) => { slide[12 + i] = value * q; });
  return multiply(joint.origin, slide);
}

// Return the pose of every link of a robot at joint positions.
export function poses(robot, positions) {
  const out = { [robot.root]: identity() };
  for (const joint of robot.joints) {
    out[joint.child] = multiply(out[joint.parent], motion(joint, positions));
  }
  return out;
}

// --- shapes as triangles: [x, y, z, normal x, y, z] per corner ----------------------------------

function box([x, y, z]) {
  const out = [], half = [x / 2, y / 2, z / 2];
  for (let axis = 0; axis < 3; axis++) {
    for (const side of [-1, 1]) {
      const [u, v] = [(axis + 1) % 3, (axis + 2) % 3];
      for (const [a, b] of [[-1, -1], [1, -1], [1, 1], [-1, -1], [1, 1], [-1, 1]]) {
        const point = [0, 0, 0], normal = [0, 0, 0];
        point[axis] = side * half[axis]; point[u] = a * half[u]; point[v] = b * half[v];
        normal[axis] = side;
        out.push(...point, ...normal);
      }
    }
  }
  return out;
}

// A body of revolution about z: rings of [radius, height, normal outwards, normal upwards].
function lathe(rings, steps = 20) {
  const out = [];
  const corner = ([radius, height, across, up], step) => {
    const a = 2 * Math.PI * step / steps, c = Math.cos(a), s = Math.sin(a);
    return [radius * c, radius * s, height, across * c, across * s, up];
  };
  for (let i = 0; i + 1 < rings.length; i++) {
    for (let step = 0; step < steps; step++) {
      const [p, q] = [rings[i], rings[i + 1]];
      const [a, b, c, d] = [corner(p, step), corner(p, step + 1), corner(q, step + 1), corner(q, step)];
      out.push(...a, ...b, ...c, ...a, ...c, ...d);
    }
  }
  return out;
}

function bow(radius, shift, from, to, count = 6) {
  return Array.from({ length: count + 1 }, (_, i) => {
    const a = from + (to - from) * i / count;
    return [radius * Math.cos(a), shift + radius * Math.sin(a), Math.cos(a), Math.sin(a)];
  });
}

function cylinder([radius, length]) {
  const h = length / 2;
  return lathe([[0, -h, 0, -1], [radius, -h, 0, -1], [radius, -h, 1, 0], [radius, h, 1, 0],
    [radius, h, 0, 1], [0, h, 0, 1]]);
}

const capsule = ([radius, length]) => lathe([...bow(radius, -length / 2, -Math.PI / 2, 0),
  ...bow(radius, length / 2, 0, Math.PI / 2)]);
const sphere = ([radius]) => lathe(bow(radius, 0, -Math.PI / 2, Math.PI / 2, 10), 16);
const SHAPES = { box, cylinder, capsule, sphere };

// --- the picture --------------------------------------------------------------------------------

function compile(gl) {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  return program;
}

const hex = (text) => [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16) / 255);

export class ArmView {
  constructor(canvas) {
    this.canvas = canvas;
    this.gl = canvas.getContext('webgl', { antialias: true, preserveDrawingBuffer: true });
    this.robot = null;
    this.lenses = {};
    this.path = null;
    this.now = 0;
    this.home();
    if (this.gl === null) return;
    this.program = compile(this.gl);
    this.place = (name) => this.gl.getUniformLocation(this.program, name);
    this.listen();
    new ResizeObserver(() => this.changed()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.changed());
  }

  home() {
    Object.assign(this, { yaw: -0.9, pitch: 0.5, distance: 0.95, target: [0.14, 0.02, 0.1] });
  }

  setRobot(robot) {
    this.robot = robot;
    this.shapes = Object.entries(robot.links).flatMap(([link, shapes]) => shapes.map((shape) => ({
      link, origin: shape.origin, colour: shape.colour, mesh: this.upload(SHAPES[shape.kind](shape.size)),
    })));
    this.changed();
  }

  setJoints(measured, commanded) { Object.assign(this, { measured, commanded }); this.changed(); }

  setPath(path) { this.path = path; this.changed(); }

  setNow(now) { this.now = now; if (this.path) this.changed(); }

  setLens(camera, across, up) { this.lenses[camera] = { across, up }; this.changed(); }

  changed() {
    if (this.gl === null || this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.draw(); });
  }

  upload(values) {
    const { gl } = this;
    if (gl === null) return null;
    const buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(values), gl.STATIC_DRAW);
    return { buffer, count: values.length / 6 };
  }

  listen() {
    const { canvas } = this, fingers = new Map();
    canvas.addEventListener('pointerdown', (event) => {
      fingers.set(event.pointerId, event);
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener('pointermove', (event) => {
      const before = fingers.get(event.pointerId);
      if (!before) return;
      if (fingers.size === 1) {
        this.yaw -= 0.01 * (event.clientX - before.clientX);
        this.pitch += 0.01 * (event.clientY - before.clientY);
        this.pitch = Math.min(1.55, Math.max(-0.1, this.pitch));
      } else {
        const other = [...fingers.values()].find((finger) => finger.pointerId !== event.pointerId);
        const gap = (a) => Math.hypot(a.clientX - other.clientX, a.clientY - other.clientY);
        this.zoom(gap(before) / Math.max(gap(event), 1));
      }
      fingers.set(event.pointerId, event);
      this.changed();
    });
    for (const end of ['pointerup', 'pointercancel']) {
      canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
    }
    canvas.addEventListener('wheel', (event) => {
      event.preventDefault();
      this.zoom(Math.exp(0.001 * event.deltaY));
    }, { passive: false });
    canvas.addEventListener('dblclick', () => { this.home(); this.changed(); });
  }

  zoom(factor) {
    this.distance = Math.min(4, Math.max(0.15, this.distance * factor));
    this.changed();
  }

  view() {
    const aspect = this.canvas.width / this.canvas.height, [near, far] = [0.01, 20];
    const f = 1 / Math.tan(0.4), [cy, sy] = [Math.cos(this.yaw), Math.sin(this.yaw)];
    const [cp, sp] = [Math.cos(this.pitch), Math.sin(this.pitch)];
    const back = [cp * cy, cp * sy, sp], right = [-sy, cy, 0];
    const up = [-sp * cy, -sp * sy, cp];
    const eye = this.target.map((value, i) => value + this.distance * back[i]);
    const dot = (a) => -a.reduce((sum, value, i) => sum + value * eye[i], 0);
    const look = [right[0], up[0], back[0], 0, right[1], up[1], back[1], 0,
      right[2], up[2], back[2], 0, dot(right), dot(up), dot(back), 1];
    const lens = [f / Math.max(aspect, 0.01), 0, 0, 0, 0, f, 0, 0,
      0, 0, (far + near) / (near - far), -1, 0, 0, 2 * far * near / (near - far), 0];
    return multiply(lens, look);
  }

  draw() {
    const { gl, canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * ratio;
    canvas.height = canvas.clientHeight * ratio;
    const style = getComputedStyle(document.documentElement);
    this.colour = (name) => hex(style.getPropertyValue(`--${name}`).trim());
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(...this.colour('paper'), 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    gl.useProgram(this.program);
    gl.uniformMatrix4fv(this.place('view'), false, this.view());
    gl.uniform1f(this.place('size'), 6 * ratio);
    this.drawGround();
    if (!this.robot) return;
    if (this.measured && this.robot.joints.length) {
      const links = poses(this.robot, this.measured);
      this.drawLinks(links, null);
      this.drawCameras(links);
    }
    if (this.path) this.drawPath();
    if (this.commanded && this.robot.joints.length) {
      gl.enable(gl.BLEND);
      gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
      gl.depthMask(false);
      this.drawLinks(poses(this.robot, this.commanded), [...this.colour('ghost'), 0.28]);
      gl.depthMask(true);
      gl.disable(gl.BLEND);
    }
  }

  drawLinks(links, paint) {
    for (const shape of this.shapes) {
      const colour = paint ?? [...shape.colour.slice(0, 3), 1];
      this.paint(shape.mesh, multiply(links[shape.link], shape.origin), colour, 1);
    }
    if (this.shapes.length === 0) {
      const bones = this.robot.joints.flatMap((joint) => [
        ...links[joint.parent].slice(12, 15), ...links[joint.child].slice(12, 15)]);
      this.lines(bones, this.colour('ink'));
    }
  }

  drawCameras(links) {
    for (const [name, lens] of Object.entries(this.lenses)) {
      const pose = links[CAMERA_FRAME(name)];
      if (!pose) continue;
      const x = FRUSTUM * Math.tan(lens.across / 2), y = FRUSTUM * Math.tan(lens.up / 2);
      const corners = [[-x, -y], [x, -y], [x, y], [-x, y]].map(([a, b]) => [a, b, FRUSTUM]);
      const edges = corners.flatMap((corner, i) => [
        0, 0, 0, ...corner, ...corner, ...corners[(i + 1) % 4]]);
      this.lines(edges, this.colour('quiet'), pose);
    }
  }

  drawPath() {
    const { points, origins, times, stamp } = this.path;
    const names = ['old', 'new', 'blended', 'skipped'].map((name) => this.colour(name));
    const due = times.map((time, i) => time + stamp >= this.now || origins[i] === 3);
    const dots = [], trail = [];
    for (let i = 0; i < origins.length; i++) {
      if (!due[i]) continue;
      const point = points.slice(3 * i, 3 * i + 3);
      dots.push(...point, ...names[origins[i]]);
      if (i + 1 < origins.length && due[i + 1] && (origins[i] === 3) === (origins[i + 1] === 3)) {
        trail.push(...dots.slice(-6), ...points.slice(3 * i + 3, 3 * i + 6), ...names[origins[i + 1]]);
      }
    }
    this.gl.disable(this.gl.DEPTH_TEST); // the plan shows through the arm
    this.coloured(trail, this.gl.LINES);
    this.coloured(dots, this.gl.POINTS);
    this.gl.enable(this.gl.DEPTH_TEST);
  }

  drawGround() {
    const edges = [];
    for (let i = -4; i <= 4; i++) {
      edges.push(0.1 * i, -0.4, 0, 0.1 * i, 0.4, 0, -0.4, 0.1 * i, 0, 0.4, 0.1 * i, 0);
    }
    const shifted = edges.map((value, i) => (i % 3 === 0 ? value + 0.15 : value));
    this.lines(shifted, this.colour('line'));
    this.lines([0, 0, 0, 0.1, 0, 0], [0.85, 0.2, 0.2]);
    this.lines([0, 0, 0, 0, 0.1, 0], [0.2, 0.65, 0.25]);
  }

  lines(points, colour, pose = identity()) {
    const values = [];
    for (let i = 0; i < points.length; i += 3) values.push(...points.slice(i, i + 3), ...colour);
    this.coloured(values, this.gl.LINES, pose);
  }

  // Draw [x, y, z, red, green, blue] per corner, without light.
  coloured(values, kind, pose = identity()) {
    if (values.length === 0) return;
    const mesh = this.upload(values);
    this.paint(mesh, pose, [0, 0, 0, 0], 0, kind);
    this.gl.deleteBuffer(mesh.buffer);
  }

  paint(mesh, model, colour, lit, kind = this.gl.TRIANGLES) {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, mesh.buffer);
    for (const [name, offset] of [['position', 0], ['normal', 12], ['colour', 12]]) {
      const at = gl.getAttribLocation(this.program, name);
      if (at < 0) continue;
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, 3, gl.FLOAT, false, 24, offset);
    }
    gl.uniformMatrix4fv(this.place('model'), false, model);
    gl.uniform4fv(this.place('paint'), colour);
    gl.uniform1f(this.place('lit'), lit);
    gl.uniform1f(this.place('dots'), kind === gl.POINTS ? 1 : 0);
    gl.drawArrays(kind, 0, mesh.count);
  }
}
