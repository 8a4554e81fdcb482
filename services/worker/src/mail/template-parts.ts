/** Why templates cannot be used, with file and line. Stops the start. */
export class TemplateProblem extends Error {
  constructor(file: string, line: number, problem: string) {
    super(`${file}, line ${line}: ${problem}`)
    this.name = 'TemplateProblem'
  }
}

const partLine = /^--- *([a-z]+) *$/

/**
 * The parts of a template file by name; each begins with a line like `--- html`. What comes before the first is a comment. A part
 * stands at its own line, behind empty ones, so that an error in it names the line of the file.
 */
export function readParts<Name extends string>(
  file: string,
  content: string,
  names: readonly Name[],
): Record<Name, string> {
  const parts = new Map<string, string[]>()
  let current: string[] = []
  content.split(/\r?\n/).forEach((line, index) => {
    const [, name] = partLine.exec(line) ?? []
    if (name === undefined) {
      current.push(line)
      return
    }
    if (!names.some((known) => known === name))
      throw new TemplateProblem(file, index + 1, `there is no part ${name}; parts are ${names.join(', ')}`)
    if (parts.has(name)) throw new TemplateProblem(file, index + 1, `the part ${name} is there twice`)
    current = Array.from({ length: index + 1 }, () => '')
    parts.set(name, current)
  })
  const entries = names.map((name) => {
    const lines = parts.get(name)
    if (lines === undefined) throw new TemplateProblem(file, 1, `the part ${name} is missing: --- ${name}`)
    return [name, lines.join('\n')]
  })
  // One entry a name.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return Object.fromEntries(entries) as Record<Name, string>
}
