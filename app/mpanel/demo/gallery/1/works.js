// The exhibition: what hangs, and how each picture is drawn from a seed. No picture is stored anywhere.

/** A small generator of the same numbers for the same seed (mulberry32). */
function numbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const round = (value) => Math.round(value * 10) / 10;
const pick = (next, list) => list[Math.floor(next() * list.length)];

function waves(next, [ground, ...inks]) {
  let out = `<rect width="400" height="500" fill="${ground}"/><circle cx="${round(90 + next() * 220)}" cy="${round(80 + next() * 60)}" r="46" fill="${inks[0]}"/>`;
  for (let line = 0; line < 26; line += 1) {
    const y = 150 + line * 14;
    const swing = 4 + line * 0.9;
    let path = `M-10 ${y}`;
    for (let x = 0; x <= 400; x += 50) path += `q12.5 ${round(-swing * next() * 2)} 25 0t25 0`;
    out += `<path d="${path}V520H-10Z" fill="${inks[1 + (line % (inks.length - 1))]}" opacity=".82"/>`;
  }
  return out;
}

function trees(next, [ground, ...inks]) {
  let out = `<rect width="400" height="500" fill="${ground}"/>`;
  for (let row = 0; row < 6; row += 1) {
    for (let column = 0; column < 5; column += 1) {
      const [x, y, r] = [40 + column * 80 + next() * 14 - 7, 60 + row * 78, 18 + next() * 14];
      out += `<path d="M${round(x)} ${y}v46" stroke="${inks[0]}" stroke-width="4"/><circle cx="${round(x)}" cy="${y}" r="${round(r)}" fill="${pick(next, inks.slice(1))}"/>`;
      for (let fruit = 0; fruit < 5; fruit += 1) {
        const [angle, away] = [next() * 6.283, next() * r * 0.75];
        out += `<circle cx="${round(x + Math.cos(angle) * away)}" cy="${round(y + Math.sin(angle) * away)}" r="2.6" fill="${ground}"/>`;
      }
    }
  }
  return out;
}

function arcs(next, [ground, ...inks]) {
  let out = `<rect width="400" height="500" fill="${ground}"/>`;
  for (let tower = 0; tower < 7; tower += 1) {
    const [x, y] = [next() * 400, next() * 500];
    const ink = pick(next, inks);
    for (let ring = 1; ring < 16; ring += 1) {
      const gap = round(ring * 6.283 * (3 + next() * 6));
      out += `<circle cx="${round(x)}" cy="${round(y)}" r="${ring * 13}" fill="none" stroke="${ink}" stroke-width="${round(4.4 - ring * 0.25)}" stroke-dasharray="${gap} ${round(8 + next() * 40)}" stroke-linecap="round"/>`;
    }
  }
  return out;
}

function tiles(next, [ground, ...inks]) {
  let out = `<rect width="400" height="500" fill="${ground}"/>`;
  for (let y = 0; y < 500; y += 50) {
    for (let x = 0; x < 400; x += 50) {
      const [a, b] = [pick(next, inks), pick(next, inks)];
      const turn = Math.floor(next() * 4) * 90;
      const shapes = [
        `<path d="M0 0h50v50Z" fill="${a}"/>`,
        `<path d="M0 0h50a50 50 0 0 1-50 50Z" fill="${a}"/>`,
        `<path d="M0 0h25v50H0Z" fill="${a}"/><circle cx="25" cy="25" r="12" fill="${b}"/>`,
        `<path d="M0 25a25 25 0 0 1 50 0Z" fill="${a}"/><path d="M0 50a25 25 0 0 1 50 0Z" fill="${b}"/>`,
      ];
      out += `<g transform="translate(${x} ${y}) rotate(${turn} 25 25)">${pick(next, shapes)}</g>`;
    }
  }
  return out;
}

function ridges(next, [ground, ...inks]) {
  let out = `<rect width="400" height="500" fill="${ground}"/><circle cx="${round(120 + next() * 160)}" cy="140" r="58" fill="${inks[0]}"/>`;
  for (let layer = 1; layer < 6; layer += 1) {
    let [y, path] = [150 + layer * 54, ''];
    for (let x = -10; x <= 410; x += 14) {
      y += (next() - 0.5) * (26 - layer * 2);
      path += `${path ? 'L' : 'M'}${x} ${round(y)}`;
    }
    out += `<path d="${path}V510H-10Z" fill="${inks[layer % inks.length]}" opacity="${round(0.5 + layer * 0.08)}"/>`;
  }
  return out;
}

function threads(next, [ground, ...inks]) {
  let out = `<rect width="400" height="500" fill="${ground}"/>`;
  for (let thread = 0; thread < 130; thread += 1) {
    let [x, y] = [next() * 400, next() * 500];
    let path = `M${round(x)} ${round(y)}`;
    for (let step = 0; step < 22; step += 1) {
      const angle = Math.sin(x / 70) * 1.6 + Math.cos(y / 90) * 1.6;
      x += Math.cos(angle) * 11;
      y += Math.sin(angle) * 11;
      path += `L${round(x)} ${round(y)}`;
    }
    out += `<path d="${path}" fill="none" stroke="${pick(next, inks)}" stroke-width="${round(1 + next() * 4)}" stroke-linecap="round" opacity=".85"/>`;
  }
  return out;
}

export const works = [
  { slug: 'tide', title: 'Tide', artist: 'Ines Duarte', year: 2024, seed: 7, draw: waves, inks: ['#0d2b45', '#ffd56b', '#145374', '#5b8fb0', '#c9e4ec', '#20709a'], text: 'Twenty-six lines, each a little more restless than the one behind it. The horizon is the only line that knows where it is.' },
  { slug: 'orchard', title: 'Orchard, counted', artist: 'Bo Lindgren', year: 2025, seed: 21, draw: trees, inks: ['#f4ead2', '#5b3a29', '#7a9a3d', '#4f7a3a', '#a9b94a', '#d1603d'], text: 'Thirty trees in a plan that nature refuses to follow by at most seven units.' },
  { slug: 'signal', title: 'Signal', artist: 'Noor Haddad', year: 2026, seed: 88, draw: arcs, inks: ['#17121f', '#f25f5c', '#ffe066', '#70c1b3', '#50a5d8'], text: 'Seven transmitters talk at once. Where their rings cross, nobody understands anything, and it is beautiful.' },
  { slug: 'quilt', title: 'Quilt for a long winter', artist: 'Bo Lindgren', year: 2023, seed: 5, draw: tiles, inks: ['#efe6d5', '#22577a', '#38a3a5', '#e07a5f', '#f2cc8f', '#3d405b'], text: 'Eighty patches of four cuts. Turn the number and the same cloth makes another blanket.' },
  { slug: 'ember', title: 'Ember', artist: 'Noor Haddad', year: 2025, seed: 132, draw: threads, inks: ['#160a0a', '#ff6b35', '#f7c59f', '#c81d25', '#ffb627'], text: 'A hundred and thirty sparks follow the same wind. None of them arrives where another began.' },
  { slug: 'ridge', title: 'Six ridges', artist: 'Ines Duarte', year: 2026, seed: 64, draw: ridges, inks: ['#fbe3d0', '#f28f79', '#b5838d', '#6d6875', '#5b5f97', '#33415c', '#22223b'], text: 'Seen from a train at a quarter to six. Each ridge was a random walk that someone has to call a mountain.' },
  { slug: 'halo', title: 'Halo', artist: 'Noor Haddad', year: 2024, seed: 301, draw: arcs, inks: ['#f6f2ea', '#2a6f97', '#a9d6e5', '#e9c46a', '#014f86'], text: 'The quiet sister of “Signal”: the same rule, another ground, and suddenly it is about light.' },
  { slug: 'loom', title: 'Loom', artist: 'Bo Lindgren', year: 2026, seed: 19, draw: threads, inks: ['#f3efe4', '#386641', '#6a994e', '#a7c957', '#bc4749'], text: 'The wind of “Ember” over a meadow. Bo and Noor exchanged a line of code and did not speak for a week.' },
];

/** The picture as SVG. Another seed makes another sheet of the same edition. */
export function picture(work, seed = work.seed) {
  return `<svg viewBox="0 0 400 500" preserveAspectRatio="xMidYMid slice" role="img" aria-label="${work.title}">${work.draw(numbers(seed), work.inks)}</svg>`;
}
