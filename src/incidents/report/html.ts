import { escaped } from './escaped.ts';
import type { Page, Piece, Row } from './page.ts';
import { svgOf } from './plot.ts';

/** A page as one HTML file that loads nothing. */
export function htmlOf({ lang, title, banner, pieces, foot }: Page): string {
  return `<!doctype html>
<html lang="${lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
${banner === undefined ? '' : `<p class="banner">${marked(banner)}</p>\n`}<h1>${marked(title)}</h1>
${pieces.map(partOf).join('\n')}
<footer>${marked(foot)}</footer>
</main>
</body>
</html>
`;
}

function partOf(piece: Piece): string {
  switch (piece.kind) {
    case 'heading':
      return `<h2>${marked(piece.text)}</h2>`;
    case 'lead':
      return `<p class="lead">${marked(piece.text)}</p>`;
    case 'paragraph':
      return `<p>${marked(piece.text)}</p>`;
    case 'list':
      return `<ul>${piece.items.map((item) => `<li>${marked(item)}</li>`).join('')}</ul>`;
    case 'open':
      return `<ul class="open">${piece.questions.map((one) => `<li>${marked(one)}</li>`).join('')}</ul>`;
    case 'figures':
      return `<dl class="figures">${piece.figures
        .map(
          ({ label, value, mood }) =>
            `<div class="${mood}"><dt>${marked(label)}</dt><dd>${marked(value)}</dd></div>`,
        )
        .join('')}</dl>`;
    case 'table':
      return `<div class="wide"><table><thead>${rowOf(piece.head, 'th')}</thead><tbody>${piece.rows.map((row) => rowOf(row, 'td')).join('')}</tbody></table></div>`;
    case 'plot':
      return `<figure><figcaption>${marked(piece.plot.title)}</figcaption>${svgOf(piece.plot)}</figure>`;
  }
}

const rowOf = (cells: Row, tag: 'td' | 'th'): string =>
  `<tr>${cells.map((cell) => `<${tag}>${marked(cell)}</${tag}>`).join('')}</tr>`;

const marked = (text: string): string => escaped(text).replace(/`([^`]+)`/g, '<code>$1</code>');

const style = `
:root { color-scheme: light; }
body { margin: 0; background: #f6f8fa; color: #1f2328; line-height: 1.55; word-break: keep-all; overflow-wrap: anywhere;
  font: 15px/1.55 system-ui, -apple-system, 'Segoe UI', 'Apple SD Gothic Neo', 'Malgun Gothic', 'Noto Sans KR', 'Noto Sans CJK KR', sans-serif; }
main { max-width: 820px; margin: 24px auto; padding: 28px 36px; background: #fff; border: 1px solid #d0d7de; border-radius: 8px; }
h1 { font-size: 24px; line-height: 1.3; margin: 0 0 12px; }
h2 { font-size: 16px; margin: 22px 0 6px; padding-bottom: 3px; border-bottom: 1px solid #d8dee4; }
p, ul { margin: 6px 0; }
ul { padding-left: 20px; }
li { margin: 2px 0; }
.lead { font-size: 16px; background: #f6f8fa; border-left: 4px solid #1f6feb; padding: 10px 14px; margin: 10px 0; }
.banner { background: #ddf4ff; border: 1px solid #54aeff; border-radius: 6px; padding: 8px 12px; margin: 0 0 14px; font-weight: 600; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px; margin: 12px 0; }
.figures div { border: 1px solid #d0d7de; border-radius: 6px; padding: 8px 12px; }
.figures dt { font-size: 12.5px; color: #59636e; }
.figures dd { margin: 0; font-size: 19px; font-weight: 650; }
.figures .good dd { color: #1a7f37; }
.figures .bad dd { color: #cf222e; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; margin: 6px 0; }
th, td { text-align: left; vertical-align: top; padding: 4px 10px 4px 0; border-bottom: 1px solid #eaeef2; }
th { color: #59636e; font-weight: 600; }
code { font: 12.5px ui-monospace, Consolas, monospace; background: #f6f8fa; padding: 1px 4px; border-radius: 4px; }
.open { list-style: none; padding: 8px 12px; border: 1px dashed #d4a72c; background: #fffcf0; border-radius: 6px; }
.open li::before { content: '☐ '; }
figure { margin: 10px 0; }
figcaption { font-size: 13px; color: #59636e; }
svg { width: 100%; height: auto; }
footer { margin-top: 22px; padding-top: 8px; border-top: 1px solid #d8dee4; font-size: 12.5px; color: #59636e; }
@page { size: A4; margin: 11mm 13mm; }
@media print { body { background: #fff; font-size: 11.5px; line-height: 1.4; } main { border: 0; margin: 0; padding: 0; max-width: none; }
  h1 { font-size: 19px; margin-bottom: 6px; } h2 { font-size: 13px; margin: 9px 0 3px; } p, ul { margin: 3px 0; } li { margin: 1px 0; }
  table, code, figcaption, footer { font-size: 11px; } th, td { padding: 2px 8px 2px 0; } .lead { font-size: 12.5px; padding: 6px 10px; margin: 6px 0; }
  .figures { margin: 6px 0; } .figures div { padding: 4px 8px; } .figures dd { font-size: 15px; } .figures dt { font-size: 10.5px; }
  figure { margin: 4px 0; } svg { max-height: 175px; } footer { margin-top: 8px; } }
`;
