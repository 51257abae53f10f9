/** The diagnosis engine: typed facts in, findings out. It never throws into the machine and its memory is bounded. */
import type { TraceBus, TraceEvents, TraceName } from '../base/trace.ts';
import { DamageLog } from './damage.ts';
import { describeEffects, type Hang, hangDraft } from './effects.ts';
import type {} from './events.ts';
import { type Diagnosis, type Fact, type Finding, type FindingDraft, fact, type Outcome } from './finding.ts';
import { fold } from './folding.ts';
import type { GuestView, Site } from './guest-view.ts';
import { Knowledge } from './knowledge.ts';
import { PointerJudge } from './pointers/judge.ts';
import { describePointers } from './pointers/overview.ts';
import { describeSite } from './provenance.ts';
import type { ReportOptions, Rule, RuleContext } from './rule.ts';
import { RULES } from './rules/index.ts';
import { ENDLESS_WAIT } from './rules/machine/endless-wait.ts';

/** Nobody reads more; a driver that makes one mistake for each of 256 slots still fits. */
const FINDINGS_MAX = 512;
const PROVISIONAL_MAX = 256;

/** Facts that knowledge and the pointer judge need, whatever rules are loaded. */
const OWN_FACTS: readonly TraceName[] = [
  'xhci.register-written',
  'xhci.reset',
  'xhci.run',
  'xhci.started',
  'xhci.stop',
  'xhci.host-error',
  'xhci.event-ring-reset',
  'xhci.event-lost',
  'xhci.doorbell',
  'xhci.trb-fetched',
  'xhci.ring-empty',
  'xhci.command-completed',
  'xhci.context-read',
  'xhci.event-posted',
  'xhci.transfer',
  'xhci.ring-wrapped',
  'xhci.endpoint-changed',
  'xhci.slot-changed',
  'xhci.pointer-set',
  'xhci.pointers-audited',
  'memory.access-failed',
  'machine.idle',
];

interface LoadedRule {
  readonly rule: Rule;
  readonly state: unknown;
  readonly context: RuleContext;
}

export interface EngineOptions {
  readonly view: GuestView;
  /** Default: all of them. */
  readonly rules?: readonly Rule[];
}

export class DiagnosisEngine {
  readonly known: Knowledge;
  readonly #view: GuestView;
  readonly #judge: PointerJudge;
  readonly #damage = new DamageLog();
  readonly #handlers = new Map<TraceName, LoadedRule[]>();
  readonly #findings = new Map<string, Finding>();
  readonly #provisional = new Map<string, { key: string; finding: Finding }>();
  readonly #problems: string[] = [];
  readonly #broken = new Set<Rule>();
  readonly #unsubscribe: (() => void)[] = [];
  #order = 0;
  #dropped = 0;
  #hang: Hang | undefined;

  constructor(options: EngineOptions) {
    this.#view = options.view;
    this.known = new Knowledge(options.view);
    this.#judge = new PointerJudge(options.view, this.known, (event) =>
      this.#dispatch('diagnosis.pointer-judged', event),
    );
    for (const rule of options.rules ?? RULES) this.#load(rule);
  }

  #load(rule: Rule): void {
    const context: RuleContext = {
      view: this.#view,
      known: this.known,
      report: (draft, reportOptions) => this.#report(rule, draft, reportOptions ?? {}),
      withdraw: (key) => this.#provisional.delete(`${rule.id} ${key}`),
      confirm: (key) => this.#confirm(`${rule.id} ${key}`),
    };
    const loaded: LoadedRule = { rule, state: rule.start(), context };
    for (const name of Object.keys(rule.on) as TraceName[]) {
      const list = this.#handlers.get(name);
      if (list === undefined) this.#handlers.set(name, [loaded]);
      else list.push(loaded);
    }
  }

  /** Listens to a machine. Call {@link detach} or {@link finish} to stop. */
  attach(bus: TraceBus): void {
    const names = new Set<TraceName>([...OWN_FACTS, ...this.#handlers.keys()]);
    for (const name of names) {
      if (name.startsWith('diagnosis.')) continue;
      this.#unsubscribe.push(bus.on(name, (event) => this.see(name, event)));
    }
  }

  detach(): void {
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
  }

  /** Takes in one fact. Our own faults are noted, never thrown: the guest's run goes on. */
  see<N extends TraceName>(name: N, event: TraceEvents[N]): void {
    try {
      const consumed = this.known.learn(name, event);
      if (consumed !== undefined) this.#dispatch('diagnosis.trb-consumed', consumed);
      this.#judge.see(name, event);
    } catch (error) {
      this.#problem('pointer analysis', error);
    }
    this.#dispatch(name, event);
    try {
      this.#damage.see(name, event, () => [...this.#findings.values()]);
      if (name === 'machine.idle') {
        this.#hang = { ...(event as TraceEvents['machine.idle']), frames: this.#view.backtrace() };
      }
    } catch (error) {
      this.#problem('effects', error);
    }
  }

  #dispatch<N extends TraceName>(name: N, event: TraceEvents[N]): void {
    const list = this.#handlers.get(name);
    if (list === undefined) return;
    for (const { rule, state, context } of list) {
      if (this.#broken.has(rule)) continue;
      try {
        rule.on[name]?.(state, event, context);
      } catch (error) {
        this.#problem(`rule ${rule.id}`, error);
        this.#broken.add(rule);
      }
    }
  }

  #problem(where: string, error: unknown): void {
    if (this.#problems.length < 32) {
      this.#problems.push(`${where}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
  }

  #report(rule: Rule, draft: FindingDraft, options: ReportOptions): void {
    const key = [rule.id, draft.device ?? '', draft.key ?? `${draft.where} ${draft.address ?? ''}`].join('|');
    const seen = this.#findings.get(key) ?? this.#provisional.get(`${rule.id} ${options.provisional}`)?.finding;
    if (seen !== undefined) {
      if (draft.blocking === true) seen.blocking = true;
      if (options.update === true) return;
      // The device running into what the audit had found already is the same sighting.
      if (options.failed !== true || seen.failed) seen.count += 1;
      else {
        seen.failed = true;
        // How the audit found it no longer matters once the device has run into it.
        seen.facts = mergeFacts(
          seen.facts.filter((entry) => entry.label !== 'found'),
          draft.facts,
        );
      }
      return;
    }
    const finding = this.#make(rule, draft, options);
    if (options.provisional === undefined) this.#keep(key, finding);
    else if (this.#provisional.size < PROVISIONAL_MAX) {
      this.#provisional.set(`${rule.id} ${options.provisional}`, { key, finding });
    } else this.#dropped += 1;
  }

  #make(rule: Rule, draft: FindingDraft, options: ReportOptions): Finding {
    const now = this.#view.now();
    const site = options.site ?? draft.site;
    return {
      order: this.#order++,
      rule,
      device: draft.device,
      where: draft.where,
      title: draft.title,
      address: draft.address,
      expected: draft.expected,
      severity: draft.severity ?? rule.severity,
      certainty: draft.certainty ?? rule.certainty,
      family: draft.family,
      parent: draft.parent,
      blocking: draft.blocking ?? false,
      time: now.time,
      instruction: now.instruction,
      site: site === undefined ? undefined : this.#siteReport(site, draft.role ?? ''),
      facts: draft.facts,
      count: 1,
      failed: options.failed ?? false,
      causedBy: undefined,
      symptoms: [],
    };
  }

  #siteReport(site: Site, role: string) {
    const current = this.#view.currentSite();
    const running = current !== undefined && current.pc === site.pc;
    const frames = this.known.framesOf(site) ?? (running ? this.#view.backtrace() : undefined);
    return describeSite(this.#view, site, role, frames);
  }

  #keep(key: string, finding: Finding): void {
    if (this.#findings.size >= FINDINGS_MAX) this.#dropped += 1;
    else this.#findings.set(key, finding);
  }

  #confirm(provisional: string): void {
    const entry = this.#provisional.get(provisional);
    if (entry === undefined) return;
    this.#provisional.delete(provisional);
    this.#keep(entry.key, entry.finding);
  }

  /** What is certain so far, folded. Provisional findings are not among them. */
  get findings(): readonly Finding[] {
    const findings = [...this.#findings.values()].sort((a, b) => a.order - b.order);
    fold(findings);
    return findings;
  }

  /** Ends the diagnosis: provisional findings become final, the hang is tied to its root, everything is folded. */
  finish(outcome: Outcome): Diagnosis {
    this.detach();
    this.see('diagnosis.run-ended', { kind: outcome.kind });
    for (const provisional of [...this.#provisional.keys()]) this.#confirm(provisional);
    const inOrder = (): Finding[] => [...this.#findings.values()].sort((a, b) => a.order - b.order);
    let findings = inOrder();
    let roots = fold(findings);
    try {
      this.#explainHang(roots);
      findings = inOrder();
      roots = fold(findings);
      this.#damage.settle(findings);
      for (const root of roots) this.#complete(root);
    } catch (error) {
      this.#problem('effects', error);
    }
    return {
      outcome,
      roots,
      findings,
      dropped: this.#dropped,
      hasSymbols: this.#view.hasSymbols,
      problems: this.#problems,
    };
  }

  /** A guest that waits for ever while a device of its cannot go on waits for that device. */
  #explainHang(roots: readonly Finding[]): void {
    const root = roots.find((candidate) => candidate.blocking);
    if (this.#hang === undefined || root === undefined) return;
    this.#report(ENDLESS_WAIT, hangDraft(this.#hang, root, this.#view), {});
  }

  /** Adds to a root what only the whole run shows: its effects, its fellow pointers. */
  #complete(root: Finding): void {
    const added: Fact[] = [];
    const effects = describeEffects(root, this.#damage.of(root.device), this.#hang, this.#view);
    if (effects.length > 0) added.push(fact('effect', ...effects));
    if (root.family !== undefined && root.device !== undefined) {
      const overview = describePointers(this.#view, this.known.controller(root.device), root);
      if (overview !== undefined) added.push(fact('checked', overview));
    }
    root.facts = mergeFacts(root.facts, added);
  }
}

/** Facts of `added` replace those of the same label. */
function mergeFacts(facts: readonly Fact[], added: readonly Fact[]): readonly Fact[] {
  const labels = new Set(added.map((entry) => entry.label));
  return [...facts.filter((entry) => !labels.has(entry.label)), ...added];
}
