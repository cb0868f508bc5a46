import type { Page, Piece, Row } from './page.ts';

/** A page as Markdown. @param plotFile the plot's picture, beside it */
export function markdownOf({ title, banner, pieces, foot }: Page, plotFile: string): string {
  const parts = [
    `# ${plain(title)}`,
    ...(banner === undefined ? [] : [`> **${plain(banner)}**`]),
    ...pieces.map((piece) => partOf(piece, plotFile)),
    `---\n\n_${plain(foot)}_`,
  ];
  return `${parts.join('\n\n')}\n`;
}

function partOf(piece: Piece, plotFile: string): string {
  switch (piece.kind) {
    case 'heading':
      return `## ${plain(piece.text)}`;
    case 'lead':
      return `**${plain(piece.text)}**`;
    case 'paragraph':
      return plain(piece.text);
    case 'list':
      return piece.items.map((item) => `- ${plain(item)}`).join('\n');
    case 'open':
      return piece.questions.map((question) => `- [ ] ${plain(question)}`).join('\n');
    case 'figures':
      return tableOf(
        piece.figures.map(({ label }) => label),
        [piece.figures.map(({ value }) => `**${value}**`)],
      );
    case 'table':
      return tableOf(piece.head, piece.rows);
    case 'plot':
      return `![${plain(piece.plot.title)}](${plotFile})`;
  }
}

const tableOf = (head: Row, rows: readonly Row[]): string =>
  [head, head.map(() => '---'), ...rows].map(rowOf).join('\n');

const rowOf = (cells: Row): string =>
  `| ${cells.map((cell) => plain(cell).replaceAll('|', '\\|')).join(' | ')} |`;

/** A text that people wrote, on one line and without HTML. */
const plain = (text: string): string =>
  text.replace(/\s*\n\s*/g, ' ').replace(/<(?=[a-z/!])/gi, '&lt;');
