/**
 * A concert with 50-seat sessions to buy from, `<concertId>-1` and on, as `reprise catalog import`
 * takes it.
 */
export function catalogFile(sessionCount: number, concertId = 'c1') {
  const seatMap = [
    { section: 'A', price: 100, rows: [{ row: '1', seats: 25 }] },
    { section: 'B', price: 70, rows: [{ row: '1', seats: 25 }] },
  ];
  return {
    concerts: [
      {
        concertId,
        title: 'One',
        sessions: Array.from({ length: sessionCount }, (_, i) => ({
          sessionId: `${concertId}-${i + 1}`,
          startsAt: '2099-01-01T10:00:00Z',
          salesOpenAt: '2020-01-01T00:00:00Z',
          seatMap,
        })),
      },
    ],
  };
}

export const sessionsOf = (sessionCount: number, concertId = 'c1'): [string, string][] =>
  Array.from({ length: sessionCount }, (_, i) => [concertId, `${concertId}-${i + 1}`]);
