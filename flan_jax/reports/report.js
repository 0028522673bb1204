// Sortable tables, and the answers behind a report's numbers. Texts of the data are only ever textContent.
'use strict';

function make(parent, tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text;
  parent.append(element);
  return element;
}

function sortable(table) {
  const body = table.tBodies[table.tBodies.length - 1];
  for (const head of table.querySelectorAll('th[data-column]')) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'sort';
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener('click', () => {
      const up = head.getAttribute('aria-sort') !== 'ascending';
      for (const other of table.querySelectorAll('th')) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      const value = (row) => row.cells[head.dataset.column].innerText.trim();
      const compare = (a, b) => {
        const [x, y] = [parseFloat(value(a).replaceAll(',', '')), parseFloat(value(b).replaceAll(',', ''))];
        if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
        return (up ? 1 : -1) * (Number.isNaN(x) ? value(a).localeCompare(value(b)) : x - y);
      };
      body.append(...[...body.rows].sort(compare));
    });
  }
}

function answersPanel(panel, lines) {
  const find = (name) => panel.querySelector(`[name=${name}]`);
  const [line, template, filter, text] = ['line', 'template', 'filter', 'text'].map(find);
  const list = panel.querySelector('.list');
  const count = panel.querySelector('output');
  const more = panel.querySelector('.more');
  let limit = 20;

  lines.forEach((found, index) =>
    line.append(new Option(found.name + (found.shots ? `, ${found.shots} shots` : ''), String(index))));

  function fillChoices() {
    const found = lines[line.value];
    const templates = [...new Set(found.records.map((record) => record.template))];
    template.replaceChildren(new Option('all', ''), ...templates.map((t) => new Option(`template ${t}`, String(t))));
    const options = [new Option('all answers', '')];
    if (!found.by_degrees) {
      found.models.forEach((model, index) =>
        options.push(new Option(`${model} correct`, `right ${index}`), new Option(`${model} wrong`, `wrong ${index}`)));
    }
    found.models.slice(1).forEach((model, index) => {
      options.push(new Option(`${model} and ${found.models[0]} differ`, `other ${index + 1}`));
      if (found.by_degrees) return;
      options.push(new Option(`${model} and ${found.models[0]} correct`, `both ${index + 1}`));
      options.push(new Option(`${model} and ${found.models[0]} wrong`, `neither ${index + 1}`));
      options.push(new Option(`won: ${model} correct, ${found.models[0]} wrong`, `won ${index + 1}`));
      options.push(new Option(`lost: ${model} wrong, ${found.models[0]} correct`, `lost ${index + 1}`));
    });
    filter.replaceChildren(...options);
  }

  function passes(record) {
    const [kind, index, row, column] = filter.value.split(' ');
    const isOf = (label, wanted) => wanted === '*' || label === Number(wanted);
    const [first, other] = [record.answers[0], record.answers[Number(index)]];
    const tests = {
      '': () => true,
      right: () => other.right,
      wrong: () => !other.right,
      other: () => other.text !== first.text,
      won: () => other.right && !first.right,
      lost: () => !other.right && first.right,
      both: () => other.right && first.right,
      neither: () => !other.right && !first.right,
      cell: () => isOf(other.labels[0], row) && isOf(other.labels[1], column),
    };
    return tests[kind]() && (!template.value || Number(template.value) === record.template) &&
      (!text.value || JSON.stringify(record).toLowerCase().includes(text.value.toLowerCase()));
  }

  function verdict(parent, answer, metric) {
    if ('right' in answer) make(parent, 'span', answer.right ? 'good' : 'bad', answer.right ? '✓ correct' : '✗ wrong');
    if ('degree' in answer) make(parent, 'span', 'soft', `${metric} ${answer.degree}`);
  }

  function draw(record, found) {
    const box = make(list, 'details', 'record', '');
    const head = make(box, 'summary', '', '');
    make(head, 'span', 'soft', `template ${record.template}, example ${record.example} `);
    record.answers.forEach((answer, index) => {
      make(head, 'span', '', ` ${found.models[index]}: `);
      make(head, 'strong', '', answer.text.slice(0, 60) || '(nothing)');
      head.append(' ');
      verdict(head, answer, found.metric);
    });
    make(box, 'pre', '', record.prompt);
    make(box, 'p', '', `Expected: ${record.references.join(' / ')}`);
    record.answers.forEach((answer, index) => {
      const row = make(box, 'p', '', `${found.models[index]}: ${answer.text} `);
      verdict(row, answer, found.metric);
      if (answer.scores) {
        const scores = answer.scores.map(([option, score]) => `${option} ${score}`);
        make(box, 'p', 'soft', `scores: ${scores.join(', ')}`);
      }
    });
  }

  function update() {
    const found = lines[line.value];
    const passing = found.records.filter(passes);
    count.textContent = `${passing.length} of the ${found.records.length} answers on this page`;
    list.replaceChildren();
    for (const record of passing.slice(0, limit)) draw(record, found);
    more.hidden = passing.length <= limit;
  }

  function reset() {
    limit = 20;
    update();
  }

  line.addEventListener('input', () => { fillChoices(); reset(); });
  for (const control of [template, filter, text]) control.addEventListener('input', reset);
  more.addEventListener('click', () => { limit += 20; update(); });
  fillChoices();
  update();
  panel.hidden = false;

  return (name, shots, wantedTemplate, wantedFilter, says) => {
    const index = lines.findIndex((found) => found.name === name && found.shots === shots);
    if (index < 0) return;
    line.value = String(index);
    fillChoices();
    template.value = wantedTemplate;
    if (says) filter.append(new Option(says, wantedFilter)); // a cell of a table: one choice more
    filter.value = wantedFilter;
    if (filter.selectedIndex < 0) filter.value = '';
    reset();
    panel.scrollIntoView();
    line.focus({preventScroll: true});
  };
}

function main() {
  for (const table of document.querySelectorAll('table.sortable')) sortable(table);
  const panel = document.getElementById('answers');
  if (!panel) return;
  const lines = JSON.parse(document.getElementById('answers-data').textContent);
  const open = answersPanel(panel, lines);
  for (const number of document.querySelectorAll('[data-line]')) {
    const {line, shots, template, model, kind, cell, says} = number.dataset;
    const show = () => {
      const found = lines.find((one) => one.name === line && one.shots === Number(shots));
      const index = found && model ? found.models.indexOf(model) : -1;
      const wanted = [kind, index, cell].filter((part) => part !== undefined).join(' ');
      open(line, Number(shots), template || '', kind && index >= 0 ? wanted : '', says);
    };
    number.addEventListener('click', show);
  }
}

main();
