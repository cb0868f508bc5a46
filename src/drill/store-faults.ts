import { pause } from '../support/pause.ts';
import { type Drill, type Hands, usualBounds } from './drill-form.ts';
import type { Site } from './site.ts';

/** How long a fault lasts, in milliseconds. */
const faultMs = 8_000;
/** What a slow event store adds to each request, in milliseconds. */
const slowMs = 400;
/** Writes whose answer is cut off. */
const cuts = 5;

/** @throws Error when the event store does not take it */
async function set(site: Site, spec: object): Promise<void> {
  const { child: store } = site.store;
  if (store === undefined) throw new Error('this site has no event store that takes faults');
  const answered = store.nextMessage();
  await store.send({ fault: spec });
  const answer = (await answered) as { fault: 'set' } | { refused: string };
  if ('refused' in answer) throw new Error(answer.refused);
}

const faulty = (
  name: string,
  spec: object,
  rest: Pick<Drill, 'about' | 'expected' | 'public'>,
): Drill => ({
  ...{ name, ...rest, bounds: usualBounds, site: { store: 'faults' } },
  async method({ site, act, fault, over }) {
    fault();
    await act(rest.about, () => set(site, spec));
    await pause(faultMs);
    await act('the fault ends', () => set(site, { kind: 'clear' }));
    over();
  },
  rollback: clear,
});

async function clear({ site }: Hands): Promise<void> {
  await set(site, { kind: 'clear' });
}

const records = {
  en: (what: string) =>
    `We made the part that records sales ${what}, while tickets were being sold.`,
  ko: (what: string) => `티켓이 판매되는 도중에 판매 기록을 담당하는 부분${what} 만들었습니다.`,
};

/** Drills in which the event store, or the network before it, misbehaves. */
export const storeDrills: readonly Drill[] = [
  faulty(
    'silent-event-store',
    { kind: 'silent' },
    {
      about: `the event store does not answer for ${faultMs / 1_000} s`,
      expected: 'the service answers every request within 5 s, with 503; nothing is written twice',
      public: { en: records.en('go silent'), ko: records.ko('이 응답하지 않도록') },
    },
  ),
  faulty(
    'slow-event-store',
    { kind: 'slow', ms: slowMs },
    {
      about: `for ${faultMs / 1_000} s, each request to the event store takes ${slowMs} ms longer`,
      expected: 'the sale continues, but slower',
      public: { en: records.en('slow'), ko: records.ko('이 느려지도록') },
    },
  ),
  faulty(
    'cut-after-write',
    { kind: 'cut', when: 'after-write', times: cuts },
    {
      about: `${cuts} writes are durable, but all connections break before their answers arrive`,
      expected: 'the service finds out what was written, and answers correctly',
      public: { en: records.en('lose its connections'), ko: records.ko('의 연결이 끊어지도록') },
    },
  ),
  {
    name: 'freeze-network',
    about: 'open connections to the event store transfer nothing, but stay open; new ones work',
    expected: 'the service notices this, and connects again by itself',
    public: {
      en: 'We cut a line inside the ticket service, while tickets were being sold.',
      ko: '티켓이 판매되는 도중에 판매 서비스 내부의 연결을 끊었습니다.',
    },
    bounds: usualBounds,
    site: { store: 'relay' },
    async method({ site, act, fault, over }) {
      fault();
      await act('the network freezes', () => site.store.relay?.freeze());
      over();
    },
  },
];
