import { Liquid, LiquidError, type Template } from 'liquidjs'
import { TemplateProblem } from './template-parts.js'

/** Renders one part of a template. */
export type Part = (values: Readonly<Record<string, string | null>>) => string

/** A template that counts to a million is a slip; it must not take the worker with it. */
const renderLimitMs = 1000
const memoryLimit = 1_000_000

/**
 * Liquid, because a template of it is data: it runs no code, unlike one that is compiled to JavaScript (ASVS 1.3.2, 1.3.7).
 * In HTML every value is escaped unless the template says `| raw`.
 */
const engines = { text: createEngine(undefined), html: createEngine('escape') }

function createEngine(outputEscape: 'escape' | undefined): Liquid {
  const engine = new Liquid({
    strictFilters: true,
    strictVariables: true,
    ownPropertyOnly: true,
    templates: {},
    renderLimit: renderLimitMs,
    memoryLimit,
    ...(outputEscape !== undefined && { outputEscape }),
  })
  // A template is one file: what would read another is unknown.
  for (const tag of ['include', 'render', 'layout', 'block']) Reflect.deleteProperty(engine.tags, tag)
  return engine
}

/** Checked in every branch: a name that is none of `variables` would leave a hole in a mail one day. @throws TemplateProblem. */
export function compilePart(
  file: string,
  content: string,
  format: keyof typeof engines,
  variables: readonly string[],
): Part {
  const engine = engines[format]
  const template = explain(file, () => engine.parse(content, file))
  assertKnownVariables(file, engine, template, variables)
  return (values) => explain(file, () => String(engine.renderSync(template, values)))
}

function assertKnownVariables(
  file: string,
  engine: Liquid,
  template: Template[],
  variables: readonly string[],
): void {
  for (const [name, [first]] of Object.entries(engine.analyzeSync(template).globals)) {
    if (variables.includes(name)) continue
    throw new TemplateProblem(
      file,
      first?.location.row ?? 1,
      `there is no variable ${name}; variables are ${variables.join(', ')}`,
    )
  }
}

function explain<T>(file: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!LiquidError.is(error)) throw error
    const [line = 1] = error.token.getPosition()
    throw new TemplateProblem(file, line, error.message.replace(/(?:, file:.*)?, line:\d+, col:\d+$/s, ''))
  }
}
