import type { Facts } from '../facts.ts';
import type { Incident } from '../record.ts';
import { engineersPage } from './engineers.ts';
import { everyonePage, type ReportOptions } from './everyone.ts';
import { htmlOf } from './html.ts';
import { markdownOf } from './markdown.ts';
import { langs, type Page } from './page.ts';
import { svgOf } from './plot.ts';

export const audiences = ['engineers', 'everyone'] as const;
export type Audience = (typeof audiences)[number];

/** A report before it has a form. */
export const pageFor = (
  audience: Audience,
  incident: Incident,
  facts: Facts,
  options: ReportOptions,
): Page =>
  audience === 'engineers'
    ? engineersPage(incident, facts, options)
    : everyonePage(incident, facts, options);

/** One report as a text. */
export function reportText(
  audience: Audience,
  incident: Incident,
  facts: Facts,
  options: ReportOptions & { readonly html: boolean },
): string {
  const page = pageFor(audience, incident, facts, options);
  return options.html ? htmlOf(page) : markdownOf(page, plotName(audience, page));
}

/**
 * Both reports in both languages. Each of them is Markdown with a picture, and also one HTML file.
 */
export function allReports(
  incident: Incident,
  facts: Facts,
  { timeZone }: Pick<ReportOptions, 'timeZone'>,
): { readonly name: string; readonly text: string }[] {
  return audiences.flatMap((audience) =>
    langs.flatMap((lang) => {
      const page = pageFor(audience, incident, facts, { lang, timeZone });
      const plot = page.pieces.find((piece) => piece.kind === 'plot');
      const name = `report.${audience}.${lang}`;
      return [
        { name: `${name}.md`, text: markdownOf(page, plotName(audience, page)) },
        { name: `${name}.html`, text: htmlOf(page) },
        ...(plot === undefined ? [] : [{ name: plotName(audience, page), text: svgOf(plot.plot) }]),
      ];
    }),
  );
}

const plotName = (audience: Audience, { lang }: Page): string => `plot.${audience}.${lang}.svg`;
