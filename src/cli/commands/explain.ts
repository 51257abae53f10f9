/** `dmascope explain [CODE]`: what a finding means, with the wrong line and the right one. */
import { EXIT } from '../exit-codes.ts';
import type { Host } from '../host.ts';
import type { RulePage, Services } from '../session.ts';
import { didYouMean } from '../suggestion.ts';
import { UsageError } from '../usage-error.ts';

export function explain(host: Host, services: Services, code: string | undefined): number {
  const pages = services.rules();
  if (code === undefined) {
    const width = Math.max(...pages.map((page) => page.code.length));
    for (const page of pages) host.out.write(`${page.code.padEnd(width)}  ${page.summary}\n`);
    return EXIT.clean;
  }
  const page = findPage(pages, code);
  if (page === undefined) {
    const names = pages.flatMap((each) => [each.code, each.id]);
    throw new UsageError(`there is no finding "${code}"${didYouMean(code, names)}`, 'dmascope explain lists all');
  }
  host.out.write(page.text.endsWith('\n') ? page.text : `${page.text}\n`);
  return EXIT.clean;
}

/** By code (`DMA-01`, `dma01`), by name (`dma/virtual-address`) or by a class of the catalogue that it covers. */
function findPage(pages: readonly RulePage[], wanted: string): RulePage | undefined {
  const squeeze = (text: string) => text.toLowerCase().replace(/[-_ ]/g, '');
  const key = squeeze(wanted);
  return (
    pages.find((page) => squeeze(page.code) === key || squeeze(page.id) === key) ??
    pages.find((page) => page.catalogue.some((entry) => squeeze(entry) === key))
  );
}
