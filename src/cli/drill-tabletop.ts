import { createInterface } from 'node:readline/promises';
import { ask, asText, cards, type Timed } from '../drill/tabletop.ts';
import { IncidentError } from '../incidents/files.ts';
import { table } from './table.ts';

const say = (line: string) => console.log(line);

/**
 * `reprise drill run tabletop [NAME]`. Asks on a terminal, and prints everything elsewhere.
 * @throws IncidentError when there is no such card
 */
export async function runTabletop(names: readonly string[]): Promise<void> {
  if (names.length === 0) {
    for (const line of table(cards.map(({ name, about }) => [name, about]))) say(line);
    return;
  }
  const chosen = names.map((name) => {
    const card = cards.find((one) => one.name === name);
    if (card === undefined) {
      throw new IncidentError(`there is no card ${name}: see reprise drill run tabletop`);
    }
    return card;
  });
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    say(chosen.map(asText).join('\n\n'));
    return;
  }
  const stop = new AbortController();
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  lines.once('close', () => stop.abort());
  lines.once('SIGINT', () => lines.close());
  const asked = { question: (text: string) => lines.question(text, { signal: stop.signal }) };
  for (const card of chosen) {
    tell(await ask(card, asked, say));
    if (stop.signal.aborted) break;
    say(`Read now: ${card.pages.join(', ')}`);
  }
  lines.close();
}

function tell(timed: readonly Timed[]): void {
  const all = timed.reduce((sum, { seconds }) => sum + seconds, 0);
  const rows = timed.map(({ seconds, question }) => [`${seconds.toFixed(0)} s`, question]);
  say('');
  for (const line of table([...rows, [`${all.toFixed(0)} s`, 'together']])) say(line);
}
