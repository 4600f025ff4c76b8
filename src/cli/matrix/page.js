
'use strict';
(() => {
  const find = (id) => document.getElementById(id);
  const table = find('grid');
  const { marks, rows: kinds, facts } = JSON.parse(find('data').textContent);
  const rows = [...table.tBodies[0].rows];
  const heads = [...table.tHead.rows[0].cells].slice(1);
  const columns = [...table.querySelectorAll('col')].slice(1);
  const callers = rows.map((row) => row.cells[0].textContent);
  const tools = heads.map((head) => head.textContent);
  const isRow = rows.map(() => true);
  const isColumn = heads.map(() => true);

  // -1 stands for the headers.
  const cellAt = (row, column) => (row < 0 ? heads[column] : rows[row].cells[column + 1]);
  const placeOf = (cell) => {
    const row = cell.parentNode.parentNode === table.tHead ? -1 : cell.parentNode.sectionRowIndex;
    return [row, cell.cellIndex - 1];
  };

  // Filtering.
  const words = (text) => text.toLowerCase().split(/\s+/).filter((word) => word);
  const hasAll = (text, all) => all.every((word) => text.toLowerCase().includes(word));
  const isGranted = (row, column) => facts[kinds[row][column]][3];
  const filter = () => {
    const [byCaller, byTool] = [words(find('callers').value), words(find('tools').value)];
    let newRows = callers.map((caller) => hasAll(caller, byCaller));
    let newColumns = tools.map((tool) => hasAll(tool, byTool));
    if (find('granted').checked) {
      newColumns = newColumns.map((is, column) => is && rows.some((_, row) => newRows[row] && isGranted(row, column)));
      newRows = newRows.map((is, row) => is && heads.some((_, column) => newColumns[column] && isGranted(row, column)));
    }
    table.hidden = true;
    newRows.forEach((is, row) => {
      isRow[row] = is;
      rows[row].hidden = !is;
    });
    newColumns.forEach((is, column) => {
      if (isColumn[column] === is) return;
      isColumn[column] = is;
      columns[column].hidden = !is;
      heads[column].hidden = !is;
      rows.forEach((row) => { row.cells[column + 1].hidden = !is; });
    });
    table.hidden = false;
    const count = (all) => all.filter((is) => is).length;
    const part = (all, what) => (count(all) === all.length ? `${all.length} ${what}` : `${count(all)} of ${all.length} ${what}`);
    find('shown').textContent = `${part(isRow, 'callers')}, ${part(isColumn, 'tools')}`;
    rove();
  };

  // Filters stand in the address, so that a view can be sent on.
  const save = () => {
    const view = new URLSearchParams();
    for (const id of ['callers', 'tools']) if (find(id).value) view.set(id, find(id).value);
    if (find('granted').checked) view.set('granted', '1');
    try {
      history.replaceState(null, '', `#${view}`);
    } catch {
      // Some viewers of files have no history.
    }
  };
  const load = () => {
    const view = new URLSearchParams(location.hash.slice(1));
    for (const id of ['callers', 'tools']) find(id).value = view.get(id) || '';
    find('granted').checked = view.has('granted');
    filter();
  };

  // Why.
  const element = (name, ...content) => {
    const made = document.createElement(name);
    made.append(...content);
    return made;
  };
  const tally = (all) => {
    const counts = new Map();
    for (const kind of all) counts.set(facts[kind][0], (counts.get(facts[kind][0]) || 0) + 1);
    return [...counts].map(([mark, count]) => `${count} ${marks[mark]}`).join('; ');
  };
  const explain = (row, column) => {
    if (row < 0) {
      return [element('p', element('b', tools[column]), `: ${tally(kinds.filter((_, at) => isRow[at]).map((kind) => kind[column]))}`)];
    }
    if (column < 0) {
      return [element('p', element('b', callers[row]), `: ${tally(kinds[row].filter((_, at) => isColumn[at]))}`)];
    }
    const [, meaning, why] = facts[kinds[row][column]];
    const title = element('p', element('b', callers[row]), ' \u2192 ', element('b', tools[column]), `: ${meaning}`);
    return [title, element('ul', ...why.map((line) => element('li', line)))];
  };
  let lit = [];
  let pointed = null;
  const show = (cell) => {
    lit.forEach((element) => element.classList.remove('on'));
    const [row, column] = placeOf(cell);
    lit = [];
    if (row >= 0) lit.push(rows[row]);
    if (column >= 0) lit.push(columns[column], heads[column]);
    lit.forEach((element) => element.classList.add('on'));
    find('why').replaceChildren(...explain(row, column));
  };

  // One cell of the grid takes the focus; arrow keys move it.
  let current = null;
  const rove = () => {
    if (current && current.offsetParent) return;
    const [row, column] = [isRow.indexOf(true), isColumn.indexOf(true)];
    if (row >= 0 && column >= 0) take(cellAt(row, column));
  };
  const take = (cell) => {
    if (current) current.removeAttribute('tabindex');
    current = cell;
    current.tabIndex = 0;
  };
  const step = (shown, from, by, first) => {
    let at = from + by;
    while (at >= first && at < shown.length && at >= 0 && !shown[at]) at += by;
    if (at < 0) return first < 0 ? -1 : from;
    return at < shown.length ? at : from;
  };
  const far = (shown, by) => (by < 0 ? shown.indexOf(true) : shown.lastIndexOf(true));
  const several = (shown, from, by) => {
    let at = from;
    for (let count = 0; count < 20; count += 1) at = step(shown, at, by, 0);
    return at;
  };
  const moves = {
    ArrowDown: (row, column) => [step(isRow, row, 1, -1), column],
    ArrowUp: (row, column) => [step(isRow, row, -1, column < 0 ? 0 : -1), column],
    ArrowRight: (row, column) => [row, step(isColumn, column, 1, -1)],
    ArrowLeft: (row, column) => [row, step(isColumn, column, -1, row < 0 ? 0 : -1)],
    PageDown: (row, column) => [several(isRow, row, 1), column],
    PageUp: (row, column) => [several(isRow, row, -1), column],
    Home: (row, column, all) => [all ? far(isRow, -1) : row, far(isColumn, -1)],
    End: (row, column, all) => [all ? far(isRow, 1) : row, far(isColumn, 1)],
  };
  table.addEventListener('keydown', (event) => {
    const move = moves[event.key];
    if (!move || !current || event.altKey || event.metaKey) return;
    event.preventDefault();
    take(cellAt(...move(...placeOf(current), event.ctrlKey)));
    current.focus();
  });
  const cellOf = (event) => {
    const cell = event.target.closest('td, th');
    return cell && !cell.classList.contains('corner') ? cell : null;
  };
  table.addEventListener('mousedown', (event) => {
    const cell = cellOf(event);
    if (cell) take(cell);
  });
  // A table that scrolls below a mouse at rest is not pointed at.
  table.addEventListener('mousemove', (event) => {
    const cell = cellOf(event);
    if (cell && cell !== pointed) show(cell);
    pointed = cell;
  });
  table.addEventListener('mouseleave', () => {
    pointed = null;
    if (current && current === document.activeElement) show(current);
  });
  table.addEventListener('focusin', (event) => {
    const cell = cellOf(event);
    if (!cell) return;
    const [row, column] = placeOf(cell);
    if (row >= 0 && column >= 0) cell.setAttribute('aria-label', facts[kinds[row][column]][1]);
    show(cell);
  });

  let waiting = 0;
  find('filter').addEventListener('input', () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { filter(); save(); }, 120);
  });
  find('filter').addEventListener('submit', (event) => event.preventDefault());
  window.addEventListener('hashchange', load);
  load();
  // What takes the focus is not hidden behind the headers.
  const scroller = find('scroller');
  scroller.style.scrollPaddingTop = `${table.tHead.offsetHeight + 4}px`;
  if (rows.length) scroller.style.scrollPaddingLeft = `${rows[0].cells[0].offsetWidth + 4}px`;
})();
