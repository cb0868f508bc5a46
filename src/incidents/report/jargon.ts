/**
 * Technical words that only engineers know, each with the words to use instead. The report for
 * everybody contains none of them, and no ids. This is also true for texts that people wrote.
 */
const glossary: readonly (readonly [word: RegExp, say: string])[] = [
  [
    /(http|status|code|error|오류|에러|코드) ?:? ?[45]\d\d\b/i,
    'a failed request / 처리하지 못한 요청',
  ],
  [/\b[45]xx\b/i, 'failed requests / 처리하지 못한 요청'],
  [/\bp\d{2,3}\b/i, 'how long most buyers waited / 대부분의 고객이 기다린 시간'],
  [/\b(sse|https?|api|tcp|grpc|tls|dns|json|sql)\b/i, 'the service / 서비스'],
  [/event[ -]?store|이벤트 ?(스토어|저장소)/i, 'the record of sales / 판매 기록 저장소'],
  [
    /\b(postgres(ql)?|redis|kurrent(db)?|database|db|lmdb)\b|데이터 ?베이스/i,
    'the record of sales / 판매 기록 저장소',
  ],
  [/projection|read (model|side)|프로젝션|읽기 ?모델/i, 'the lists / 목록'],
  [/\blag(s|ged|ging)?\b|지연 ?시간|랙/i, 'the lists were late / 목록 갱신 지연'],
  [/\b(event )?log(s|ging)?\b(?! ?in\b)|로그(?!인)/i, 'the records / 기록'],
  [/\bstreams?\b|스트림|\brevision\b|\bcheckpoint\b|체크포인트/i, 'the records / 기록'],
  [
    /\b(leader|quorum|cluster|node|replica|failover)\b|리더|쿼럼|클러스터|페일오버/i,
    'the service / 서비스',
  ],
  [
    /\b(sig(kill|term|int|stop)|process(es)? (died|crashed|hung)|crash loop|oom)\b|프로세스/i,
    'the service stopped / 서비스가 멈춤',
  ],
  [
    /\b(thread|event loop|garbage collection|heap|memory leak|cpu)\b|메모리 ?누수|스레드|이벤트 ?루프/i,
    'the service / 서비스',
  ],
  [
    /\b(deploy(ed|ment)?|rollback|rolled back|migration|commit(ted)?|hotfix|patch(ed)?)\b|배포|롤백|마이그레이션|커밋|핫픽스/i,
    'a change to the service / 서비스 변경',
  ],
  [
    /\b(idempoten\w+|retry|retries|timeouts?|latency|throughput|concurrency)\b|멱등|재시도|타임아웃|레이턴시|동시성/i,
    'what a buyer saw / 고객이 겪은 일',
  ],
  [/\b(stack ?trace|exception|null|bug|regression)\b|버그|예외 처리/i, 'a fault / 결함'],
  [/\b(sev|slo|sla|mtt[rd]|tt[darm]|rpo|rto)-?\d?\b/i, 'how long it took / 걸린 시간'],
  [
    /\b(servers?|container|kubernetes|pod|docker|instance)\b|컨테이너|쿠버네티스|인스턴스/i,
    'the service / 서비스',
  ],
];

/** Ids of any kind: of requests, reservations, events, users. */
const ids: readonly RegExp[] = [
  /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/i,
  /\b[0-9a-f]{16,}\b/i,
  /\b\d+@\S+/,
  /\b[\w-]+\.[\w-]+-[\w-]+\.\d+\b/,
  /\b(pay|order)\.[\w-]+/,
  /\b(seat|account|order|concert|request|buyer|user)-[\w/-]*\d/i,
];

/** A word that the text must not contain. */
export interface Jargon {
  readonly found: string;
  readonly say: string;
}

/** @param names names of persons and ids that the text must not contain, either */
export function jargonIn(text: string, names: readonly string[] = []): Jargon[] {
  const words = glossary.flatMap(([word, say]) => {
    const found = word.exec(text)?.[0];
    return found === undefined ? [] : [{ found, say }];
  });
  const shown = ids.flatMap((id) => {
    const found = id.exec(text)?.[0];
    return found === undefined ? [] : [{ found, say: 'nothing: it is an id' }];
  });
  const named = names
    .filter((name) => isNamed(text, name))
    .map((found) => ({ found, say: 'nothing: it is a name' }));
  return [...words, ...shown, ...named];
}

const isNamed = (text: string, name: string): boolean => {
  if (name.trim() === '') return false;
  const literal = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(?<![\\p{L}\\p{N}])${literal}(?![\\p{N}a-zA-Z])`, 'u').test(text);
};
