// Who has what in the queue, and how a tenant is kept back or let go.

import {actOnMessages, resume, suspend} from './actions.js';
import {get, lines} from './api.js';
import {button, el, empty, fill, panel, table} from './dom.js';
import {ago, clock, count, moment} from './format.js';
import {summary} from './summary.js';

/// Tenants of the queue, of API keys and of suspensions, once each.
function together(found, keys, suspensions) {
  const all = new Map();
  const one = (name) => {
    if (!all.has(name))
      all.set(name, {tenant: name, messages: 0, recipients: 0, states: {}, keys: 0});
    return all.get(name);
  };
  found.tenants.forEach((row) => Object.assign(one(row.tenant), row));
  keys.forEach((key) => {
    one(key.tenant).keys += 1;
  });
  suspensions.filter((row) => row.kind === 'tenant').forEach((row) => {
    one(row.value).suspended = row;
  });
  return [...all.values()].sort(
      (a, b) => b.messages - a.messages || a.tenant.localeCompare(b.tenant));
}

export default {
  name: 'tenants',
  title: 'Tenants',

  open({root, every, signal}) {
    const note = el('span', {class: 'note'}), list = el('div', {}, empty('Reading the queue …'));
    fill(
        root, el('div', {class: 'head'}, el('h1', {}, 'Tenants'), note),
        panel('In the queue', {}, list));
    const draw = (rows, most) =>
        fill(
            list,
            rows.length ? table(
                              [
                                {
                                  head: 'Tenant',
                                  cell: (row) => row.tenant ? el('a', {
                                    href: `#/messages?tenant=${encodeURIComponent(row.tenant)}`
                                  },
                                                                 row.tenant) :
                                                              el('span', {class: 'note'}, 'none')
                                },
                                {
                                  head: 'Messages',
                                  class: 'number',
                                  cell: (row) => count(row.messages)
                                },
                                {
                                  head: '',
                                  cell: (row) => el(
                                      'div', {class: 'bar c-cool', 'aria-hidden': 'true'},
                                      el('i', {vars: {w: `${(row.messages / most) * 100}%`}}))
                                },
                                ...[['active', 'In delivery'], ['deferred', 'Deferred'],
                                    ['hold', 'On hold']]
                                    .map(([state, head]) => ({
                                           head,
                                           class: 'number',
                                           cell: (row) => count(row.states[state] || 0)
                                         })),
                                {
                                  head: 'Recipients',
                                  class: 'number',
                                  cell: (row) => count(row.recipients)
                                },
                                {
                                  head: 'Oldest',
                                  class: 'tight',
                                  cell:
                                      (row) =>
                                          (row.oldest ?
                                               el('span', {title: moment(row.oldest)},
                                                  ago(row.oldest)) :
                                               '–')
                                },
                                {head: 'Keys', class: 'number', cell: (row) => count(row.keys)},
                                {head: '', class: 'actions', cell: actions},
                              ],
                              rows, {caption: 'Tenants'}) :
                          empty('No mail is queued and no tenant has a key.'));
    const actions = (row) => (row.tenant ? el('div', { class: 'row' },
      el('a', { class: 'button small', href: `#/messages/sent?tenant=${encodeURIComponent(row.tenant)}` }, 'Submissions'),
      button('Flush', async () => { if (await actOnMessages('flush', { tenant: row.tenant }, `All mail of ${row.tenant}`) !== null) turn(); },
        { class: 'small', 'data-key': `f ${row.tenant}`, 'aria-label': `Flush mail of ${row.tenant}` }),
      row.suspended
        ? [el('span', { class: 'chip hold' }, 'suspended'), button('Resume', async () => { if (await resume('tenant', row.tenant)) turn(); }, { class: 'small', 'data-key': `r ${row.tenant}` })]
        : button('Suspend', async () => { if (await suspend('tenant', row.tenant)) turn(); }, { class: 'small', 'data-key': `s ${row.tenant}`, 'aria-label': `Suspend ${row.tenant}` })) : null);
    const turn = every(3, async () => {
      const [found, keys, suspensions] = await Promise.all([
        summary.read(), get('/admin/v1/keys', {signal}),
        lines('GET', '/admin/v1/suspensions', {signal})
      ]);
      if (!found) return;
      note.textContent = `as of ${clock(found.at)}` +
          (found.tenants_other ? ` · ${count(found.tenants_other)} messages of further tenants` :
                                 '');
      const rows = together(found, keys.data, suspensions);
      draw(rows, Math.max(1, ...rows.map((row) => row.messages)));
    });
  },
};
