import type { EveryoneWords } from './everyone-words.ts';

export const everyoneEn: EveryoneWords = {
  title: (isDrill) => (isDrill ? 'Practice report: ticket sales' : 'What happened to ticket sales'),
  drillBanner:
    'This was an exercise on a copy. No customer was affected, and no real ticket was sold.',
  lead: ({ from, until, length, severity, isDrill }) => {
    const effect = {
      purchases: 'some ticket purchases did not go through',
      nothing: 'ticket sales had a fault that did not stop any purchase',
      slow: 'ticket sales were interrupted or slow',
      unknown: 'ticket sales were disturbed',
    }[severity];
    if (isDrill)
      return `From ${from}, for ${length}, in an exercise, ${effect}. Sales were normal afterwards.`;
    return until === undefined
      ? `Since ${from}, ${effect}. We are working on it, and we are sorry.`
      : `From ${from}, for ${length}, ${effect}. This is over. We are sorry for the trouble.`;
  },
  headings: {
    what: 'What happened',
    when: 'When',
    who: 'Who was affected',
    todo: 'What you should do',
    done: 'What we did',
    again: 'What we do to prevent it',
    next: 'Next update',
  },
  whatUnknown: 'We are still looking for the cause. What is certain so far is below.',
  whatOver: (length) =>
    `A part of our ticket service stopped working as it should. Normal sales were back after ${length}.`,
  when: {
    began: 'Began',
    noticed: 'We noticed it',
    eased: 'Buyers could continue',
    ended: 'Over, and checked',
    lasted: 'It lasted',
  },
  inZone: (zone) => `All times: ${zone}.`,
  ongoing: 'not over yet',
  notNoticed: 'was not needed',
  atOnce: 'at once',
  within: (length) => `${length} later`,
  figures: {
    failed: 'Requests we could not serve',
    lostSeat: 'Buyers who lost a held seat',
    doubleSales: 'Seats sold twice',
    wrongMoney: 'Charged wrongly',
  },
  counted: (n) => n,
  people: (n) => n,
  atLeast: (text) => `at least ${text}`,
  notYet: 'being counted',
  failed: (n, share) =>
    `${n} requests could not be served${share === undefined ? '' : ` (${share} of all)`}.`,
  noFailed: 'Every request was served.',
  sales: (before, during, after) =>
    `Seats sold per minute: ${before} before, ${during} during, ${after} afterwards.`,
  lostSeat: (buyers, seats, boughtLater) =>
    `${buyers} buyers could not pay in time, and lost ${seats} seats that were held for them.${
      boughtLater === undefined ? '' : ` ${boughtLater} of these buyers bought a seat afterwards.`
    }`,
  noLostSeat: 'No buyer lost a held seat because of it.',
  latePayments: (n) =>
    `${n} payments took longer than usual to finish. All of them were finished correctly.`,
  openPayments: (n) =>
    `${n} payments are not finished yet. Their money is safe, and we finish them.`,
  proven: (seats, payments) =>
    `No seat was sold twice, and nobody was charged wrongly: we checked all ${seats} sold seats and all ${payments} payments against our records, one by one.`,
  notProven: (n) =>
    `Our check found ${n} entries that need correcting. We correct each of them, and write to everybody who is affected.`,
  unproven: 'We are checking whether every sale and every payment is correct.',
  kept: (n) => `All ${n} confirmations that buyers had received are still valid.`,
  lost: (n) =>
    `${n} confirmations are missing in our records. We restore them, and write to each buyer.`,
  todoDrill: 'Nothing: this was an exercise.',
  todoBought: 'If you received a confirmation: nothing. Your seat is yours.',
  todoUnsure:
    'If you saw an error while paying: look at “My reservations”. If the seat is not there, you were not charged for it.',
  todoSeat: 'If you lost a seat that you had chosen: please try again. We are sorry if it is gone.',
  todoWait: 'Please wait, and do not pay twice: your place in the queue is kept.',
  todoHelp: 'For anything else, please contact customer service.',
  done: (noticed) =>
    noticed === undefined
      ? 'We repaired the service, and watched until sales were normal.'
      : `We noticed it after ${noticed}, repaired the service, and watched until sales were normal.`,
  doneByItself: 'We are repairing the service.',
  checked: 'Then we checked every sale and every payment against our records.',
  checking: 'Afterwards we check every sale and every payment against our records.',
  again: (text, due) => `${text} (by ${due})`,
  againUnknown: 'We are working out what to change, and will say so here.',
  next: 'We write again as soon as there is news, and within an hour at the latest.',
  nextNone: 'None is planned: it is over.',
  foot: (at, zone) => `As of ${at} (${zone}). All numbers come from our records.`,
  plot: {
    title: 'Seats sold per minute',
    names: {
      line: 'seats sold per minute',
      bars: 'requests not served per minute',
      shade: 'the disturbance',
    },
    noticed: 'noticed',
    ended: 'over',
  },
};
