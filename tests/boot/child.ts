/** The process of one run: `child.ts NAME ROUND FOLDER`. Leaves `result.json` there, or `missing.txt` when a part is not here. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MissingPart } from '../oracles/debian-packages.ts';
import { runScenario } from './run.ts';
import { SCENARIOS } from './scenarios/index.ts';

const [name, round, folder] = process.argv.slice(2) as [string, string, string];
const scenario = SCENARIOS.find((each) => each.name === name)!;
mkdirSync(folder, { recursive: true });
try {
  const result = await runScenario(scenario, Number(round), folder, (line) => process.stdout.write(`${line}\n`));
  writeFileSync(join(folder, 'result.json'), JSON.stringify(result, null, 2));
} catch (problem) {
  if (!(problem instanceof MissingPart)) throw problem;
  writeFileSync(join(folder, 'missing.txt'), problem.message);
}
