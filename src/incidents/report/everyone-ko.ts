import type { EveryoneWords } from './everyone-words.ts';

export const everyoneKo: EveryoneWords = {
  title: (isDrill) =>
    isDrill ? '티켓 판매 서비스 장애 대응 훈련 결과' : '티켓 판매 서비스 장애 안내',
  drillBanner:
    '이 문서는 별도의 훈련 환경에서 진행한 훈련의 결과입니다. 실제 고객과 실제 티켓에는 영향이 없었습니다.',
  lead: ({ from, until, length, severity, isDrill }) => {
    if (isDrill)
      return `${from}부터 ${length} 동안 훈련 환경에서 ${wasKo[severity]} 이후 정상으로 복구되었습니다.`;
    return until === undefined
      ? `${from}부터 ${nowKo[severity]} 현재 복구 작업을 진행하고 있습니다. 불편을 드려 대단히 죄송합니다.`
      : `${from}부터 ${length} 동안 ${wasKo[severity]} 현재는 정상적으로 이용하실 수 있습니다. 불편을 드려 대단히 죄송합니다.`;
  },
  headings: {
    what: '무슨 일이 있었나요',
    when: '언제 일어났나요',
    who: '누구에게 어떤 영향이 있었나요',
    todo: '고객님께서는 이렇게 해 주십시오',
    done: '이렇게 조치했습니다',
    again: '다시 일어나지 않도록 이렇게 하겠습니다',
    next: '다음 안내',
  },
  whatUnknown: '원인을 확인하고 있습니다. 지금까지 확인된 내용은 아래와 같습니다.',
  whatOver: (length) =>
    `티켓 판매 서비스의 일부가 정상적으로 작동하지 않았으며, ${length} 만에 정상으로 복구되었습니다.`,
  when: {
    began: '시작',
    noticed: '이상 확인',
    eased: '구매 재개',
    ended: '복구 및 점검 완료',
    lasted: '지속 시간',
  },
  inZone: (zone) => `모든 시각은 ${zone} 기준입니다.`,
  ongoing: '복구 진행 중',
  notNoticed: '해당 없음',
  atOnce: '즉시',
  within: (length) => `시작 후 ${length}`,
  figures: {
    failed: '처리하지 못한 요청',
    lostSeat: '좌석을 놓치신 고객',
    doubleSales: '이중 판매',
    wrongMoney: '잘못 청구된 금액',
  },
  counted: (n) => `${n}건`,
  people: (n) => `${n}명`,
  atLeast: (text) => `최소 ${text}`,
  notYet: '집계 중',
  failed: (n, share) =>
    `처리하지 못한 요청은 ${n}건${share === undefined ? '' : `(전체의 ${share})`}입니다.`,
  noFailed: '처리하지 못한 요청은 없습니다.',
  sales: (before, during, after) =>
    `분당 판매 좌석 수는 장애 전 ${before}석, 장애 중 ${during}석, 장애 후 ${after}석이었습니다.`,
  lostSeat: (buyers, seats, boughtLater) =>
    `제시간에 결제하지 못해 선택하신 좌석을 놓치신 고객은 ${buyers}명(좌석 ${seats}석)입니다.${
      boughtLater === undefined ? '' : ` 이 가운데 ${boughtLater}명은 이후 다시 구매하셨습니다.`
    }`,
  noLostSeat: '이번 일로 선택하신 좌석을 놓치신 고객은 없습니다.',
  latePayments: (n) => `결제 ${n}건의 처리가 평소보다 늦어졌으나, 모두 정상적으로 완료되었습니다.`,
  openPayments: (n) =>
    `결제 ${n}건은 아직 처리 중입니다. 결제 금액은 안전하게 보관되어 있으며, 순서대로 처리하겠습니다.`,
  proven: (seats, payments) =>
    `같은 좌석이 두 번 판매되거나 금액이 잘못 청구된 경우는 없습니다. 판매된 좌석 ${seats}석과 결제 ${payments}건 전체를 판매 기록과 하나씩 대조하여 확인했습니다.`,
  notProven: (n) =>
    `점검 결과 바로잡아야 할 내역이 ${n}건 확인되었습니다. 모두 바로잡고, 해당 고객께 개별적으로 안내해 드리겠습니다.`,
  unproven: '모든 판매와 결제가 올바르게 처리되었는지 확인하고 있습니다.',
  kept: (n) => `완료되었다고 안내해 드린 예매와 결제 ${n}건은 모두 그대로 유효합니다.`,
  lost: (n) =>
    `완료되었다고 안내해 드린 내역 가운데 ${n}건이 판매 기록에서 확인되지 않습니다. 모두 복구하고, 해당 고객께 개별적으로 안내해 드리겠습니다.`,
  todoDrill: '훈련이었으므로 따로 하실 일이 없습니다.',
  todoBought:
    '구매 완료 안내를 받으신 고객께서는 따로 하실 일이 없습니다. 구매하신 좌석은 그대로 유지됩니다.',
  todoUnsure:
    '결제 중에 오류 화면을 보신 고객께서는 ‘내 예매 내역’을 확인해 주십시오. 내역에 없는 좌석은 결제되지 않았습니다.',
  todoSeat:
    '선택하신 좌석을 놓치신 고객께서는 번거로우시더라도 다시 시도해 주시기 바랍니다. 좌석이 이미 판매되었을 수 있는 점 양해 부탁드립니다.',
  todoWait:
    '잠시만 기다려 주시고, 같은 결제를 다시 진행하지 마십시오. 대기 순서는 그대로 유지됩니다.',
  todoHelp: '그 밖의 문의 사항은 고객센터로 연락해 주시기 바랍니다.',
  done: (noticed) =>
    noticed === undefined
      ? '서비스를 복구하고, 판매가 정상으로 돌아올 때까지 계속 확인했습니다.'
      : `시작 후 ${noticed} 만에 이상을 확인하여 서비스를 복구하고, 판매가 정상으로 돌아올 때까지 계속 확인했습니다.`,
  doneByItself: '서비스를 복구하고 있습니다.',
  checked: '복구한 뒤에는 모든 판매와 결제를 판매 기록과 대조하여 점검했습니다.',
  checking: '복구한 뒤에는 모든 판매와 결제를 판매 기록과 대조하여 점검하겠습니다.',
  again: (text, due) => `${text} (${due}까지)`,
  againUnknown: '재발 방지 대책을 마련하고 있으며, 정해지는 대로 이곳에 안내해 드리겠습니다.',
  next: '새로운 소식이 있으면 바로 안내해 드리며, 늦어도 1시간 안에 다시 안내해 드리겠습니다.',
  nextNone: '복구가 완료되어 추가 안내는 예정되어 있지 않습니다.',
  foot: (at, zone) => `${at} 기준(${zone})입니다. 모든 숫자는 판매 기록에서 집계했습니다.`,
  plot: {
    title: '분당 판매 좌석 수',
    names: { line: '분당 판매 좌석', bars: '분당 처리하지 못한 요청', shade: '장애 시간' },
    noticed: '이상 확인',
    ended: '복구',
  },
};

const wasKo = {
  purchases: '일부 티켓 구매가 정상적으로 처리되지 않았습니다.',
  nothing: '서비스에 이상이 있었으나 티켓 구매에는 영향이 없었습니다.',
  slow: '티켓 판매가 중단되거나 지연되었습니다.',
  unknown: '티켓 판매가 원활하지 않았습니다.',
} as const;

/** The effect, while the incident continues. */
const nowKo = {
  purchases: '일부 티켓 구매가 정상적으로 처리되지 않고 있습니다.',
  nothing: '서비스에 이상이 있으나 티켓 구매에는 영향이 없습니다.',
  slow: '티켓 판매가 중단되거나 지연되고 있습니다.',
  unknown: '티켓 판매가 원활하지 않습니다.',
} as const;
