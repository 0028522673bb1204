// Fills the templates with a row, puts exemplars before them, and draws the tokens. Texts are only ever textContent.
'use strict';
const {rows, packed} = JSON.parse(document.getElementById('data').textContent);
const controls = Object.fromEntries(
  ['before', 'after', 'row', 'shots', 'options', 'filled', 'turns'].map((id) => [id, document.getElementById(id)]));
let current = 0;

function make(parent, tag, className, text) {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  parent.append(element);
  return element;
}

function fill(element, row) {
  for (const span of element.querySelectorAll('[data-field]')) {
    const name = span.dataset.field;
    span.textContent = row && name in row.values ? row.values[name] : `{${name}}`;
    span.hidden = name === 'options' && controls.options !== null && !controls.options.checked;
  }
}

function exemplars(article) {
  const place = article.querySelector('.shots');
  place.replaceChildren();
  for (let shot = 1; shot <= Number(controls.shots.value); shot++) {
    const box = make(place, 'div', 'shot', '');
    make(box, 'div', 'soft', `exemplar ${shot}`);
    for (const part of ['.inputs', '.targets']) {
      const copy = article.querySelector(part).cloneNode(true);
      fill(copy, controls.filled.checked && rows[(current + shot) % rows.length]);
      box.append(copy);
    }
  }
}

function update() {
  const row = controls.filled.checked && rows[current];
  controls.row.textContent = `row ${current + 1} of ${rows.length}`;
  controls.turns.replaceChildren();
  for (const turn of rows[current].turns) make(controls.turns, 'p', 'field', turn);
  for (const article of document.querySelectorAll('article')) {
    for (const part of ['.inputs', '.targets']) fill(article.querySelector(part), row);
    exemplars(article);
  }
}

function step(by) {
  current = (current + by + rows.length) % rows.length;
  update();
}

function drawPiece(parent, piece) {
  if (piece.response === 0 && piece.example > 1) make(parent, 'div', 'boundary', '');
  make(parent, 'div', 'soft', `example ${piece.example}, ${piece.response ? 'response' : 'prompt'}: ${piece.range}`);
  const tokens = make(parent, 'pre', '', '');
  piece.texts.forEach((text, index) => {
    const after = piece.hidden && index >= piece.head;
    if (after && index === piece.head) make(tokens, 'span', 'soft', ` … ${piece.hidden} more tokens … `);
    const learned = piece.learned[index] === '1';
    const token = make(tokens, 'span', learned ? 'token learned' : 'token', text.replaceAll('\n', '↵\n'));
    const offset = index + (after ? piece.hidden : 0);
    token.title = `token ${piece.places[0] + offset}, position ${piece.places[1] + offset}, ${learned ? 'learned' : 'read'}`;
  });
}

if (rows.length) {
  document.getElementById('controls').hidden = false;
  for (let shots = 0; shots < Math.min(4, rows.length); shots++) controls.shots.append(new Option(String(shots)));
  controls.before.addEventListener('click', () => step(-1));
  controls.after.addEventListener('click', () => step(1));
  for (const name of ['shots', 'options', 'filled']) controls[name]?.addEventListener('input', update);
  document.addEventListener('keydown', (event) => {
    if (event.target.matches('input, select') || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === 'ArrowLeft') step(-1);
    if (event.key === 'ArrowRight') step(1);
  });
  update();
}
for (const piece of packed) drawPiece(document.getElementById('packed'), piece);
