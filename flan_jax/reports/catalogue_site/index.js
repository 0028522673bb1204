// Search as you type, and filters. A dataset stays while every word of the search stands in its name or templates.
'use strict';
const texts = JSON.parse(document.getElementById('texts').textContent);
const [search, cluster, kind, licence, found] =
  ['search', 'cluster', 'kind', 'licence', 'found'].map((id) => document.getElementById(id));
const sections = [...document.querySelectorAll('.cluster')];

function matches(item, words) {
  const {name, kind: itsKind, licence: itsLicence} = item.dataset;
  return words.every((word) => texts[name].includes(word)) &&
    (!kind.value || kind.value === itsKind) && (!licence.value || licence.value === itsLicence);
}

function update() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const section of sections) {
    let left = 0;
    for (const item of section.querySelectorAll('li')) {
      item.hidden = !(matches(item, words) && (!cluster.value || cluster.value === section.id));
      left += item.hidden ? 0 : 1;
    }
    section.hidden = left === 0;
    count += left;
  }
  found.textContent = count === 1 ? '1 dataset' : `${count} datasets`;
}

for (const control of [search, cluster, kind, licence]) control.addEventListener('input', update);
document.addEventListener('keydown', (event) => {
  if (event.key === '/' && document.activeElement !== search) {
    event.preventDefault();
    search.focus();
  }
});
update();
