'use strict';
(function () {
  const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));

  // Sorting: by the number in data-v, else by the text. Equal rows keep their order.
  function valueOf(row, column) {
    const cell = row.cells[column];
    return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
  }
  function compare(a, b) {
    return typeof a === 'number' ? a - b : a.localeCompare(b, undefined, { numeric: true });
  }
  function sort(head) {
    const table = head.closest('table');
    const ascending = head.getAttribute('aria-sort') !== 'ascending';
    all('thead th', table).forEach((th) => th.setAttribute('aria-sort', 'none'));
    head.setAttribute('aria-sort', ascending ? 'ascending' : 'descending');
    const sign = ascending ? 1 : -1;
    const rows = Array.from(table.tBodies[0].rows);
    rows.sort((a, b) => sign * compare(valueOf(a, head.cellIndex), valueOf(b, head.cellIndex)));
    table.tBodies[0].append(...rows);
  }
  all('thead button').forEach((button) => {
    button.addEventListener('click', () => sort(button.closest('th')));
  });

  // A layer is chosen in the graph, the table and the cards alike.
  function reveal(element) {
    const box = element.closest('.scroll');
    if (!box) return;
    const inner = element.getBoundingClientRect();
    const outer = box.getBoundingClientRect();
    box.scrollBy(
      inner.left < outer.left || inner.right > outer.right ? inner.left - outer.left - 20 : 0,
      inner.top - outer.top - box.clientHeight / 2);
  }
  function choose(number) {
    all('.chosen').forEach((element) => element.classList.remove('chosen'));
    all('[data-row="' + number + '"]').forEach((element) => {
      element.classList.add('chosen');
      if (!element.matches('article')) reveal(element);
    });
  }
  document.addEventListener('click', (event) => {
    const owner = event.target.closest('[data-row]');
    if (!owner) return;
    choose(owner.dataset.row);
    if (owner.matches('.node')) event.preventDefault();
  });
  function follow() {
    const found = /^#(?:row|layer)-(\d+)$/.exec(location.hash);
    if (found) choose(found[1]);
  }
  window.addEventListener('hashchange', follow);
  follow();

  const save = document.getElementById('save');
  save.hidden = false;
  save.addEventListener('click', () => {
    const text = JSON.stringify(JSON.parse(document.getElementById('data').textContent), null, 1);
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
    link.download = 'compare.json';
    link.click();
    URL.revokeObjectURL(link.href);
  });
})();
