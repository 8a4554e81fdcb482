import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mailTemplateNames, type MailTemplateName } from '@latchkey/contracts/mails'
import { compilePart, type Part } from './template-engines.js'
import { readParts, TemplateProblem } from './template-parts.js'

/** What a mail tells of. Text of strangers has been through `shownText`. */
export interface MailValues extends Readonly<Record<string, string | null>> {
  /** Where the account is: the host of PUBLIC_URL. */
  readonly service: string
  readonly publicUrl: string
  readonly name: string | null
  readonly time: string
  readonly device: string | null
  readonly userAgent: string | null
  readonly ip: string | null
  readonly link: string | null
  readonly rule: string | null
  /** Joined by spaces. */
  readonly actions: string | null
  /** A line each. */
  readonly alerts: string | null
  readonly more: string | null
}

export interface RenderedMail {
  readonly subject: string
  readonly text: string
  readonly html: string
}

/** A mail in one language. */
export interface MailTemplate {
  readonly language: string
  render(values: MailValues): RenderedMail
}

export interface MailTemplates {
  /** In the language that the reader asked for, in one without its region, or in English. */
  find(name: MailTemplateName, locale: string | null): MailTemplate
}

interface Layout {
  readonly text: Part
  readonly html: Part
}

type Folder = ReadonlyMap<string, ReadonlyMap<string, string>>

const ownFolder = fileURLToPath(new URL('../../templates', import.meta.url))
const fallbackLanguage = 'en'
const layoutName = 'layout'
const languagePattern = /^[a-z]{2,3}(?:-[a-z0-9]{2,8}){0,3}$/i
const variables = 'service publicUrl name time device userAgent ip link rule actions alerts more'.split(' ')
const maxSubjectLength = 150

/**
 * Every template, ours and the operator's, compiled and tried once, so that a broken one stops the start and not a mail. A file
 * of the operator's takes the place of ours with the same name. @throws TemplateProblem.
 */
export function loadMailTemplates(operatorFolder: string | null): MailTemplates {
  const files = mergeFolders(
    findFiles(ownFolder),
    operatorFolder === null ? new Map() : findFiles(operatorFolder),
  )
  const english = files.get(fallbackLanguage)
  const templates = new Map<string, MailTemplate>()
  for (const [language, byName] of files) {
    const layout = compileLayout(byName.get(layoutName) ?? english?.get(layoutName) ?? '')
    for (const name of mailTemplateNames) {
      const file = byName.get(name)
      if (file === undefined) continue
      const template = compileTemplate(file, language, layout)
      for (const values of samples) template.render(values)
      templates.set(`${language}/${name}`, template)
    }
  }
  return {
    find(name, locale) {
      for (const language of languagesOf(locale)) {
        const template = templates.get(`${language}/${name}`)
        if (template !== undefined) return template
      }
      throw new Error(`There is no template ${name}`)
    },
  }
}

/** `de-AT` → de-at, de, en. */
function languagesOf(locale: string | null): string[] {
  const subtags = locale?.toLowerCase().split('-') ?? []
  const own = subtags.map((_, index) => subtags.slice(0, subtags.length - index).join('-'))
  return [...own, fallbackLanguage]
}

/** Paths by language, and by name in it. Other files, and what begins with a dot, may lie beside them. */
function findFiles(folder: string): Folder {
  const byLanguage = new Map<string, ReadonlyMap<string, string>>()
  for (const language of visibleNames(folder)) {
    const path = join(folder, language)
    if (!statSync(path).isDirectory()) continue
    if (!languagePattern.test(language))
      throw new TemplateProblem(path, 1, 'a folder is named like a language, such as en or pt-BR')
    byLanguage.set(language.toLowerCase(), findTemplates(path))
  }
  return byLanguage
}

function findTemplates(folder: string): Map<string, string> {
  const known = [...mailTemplateNames, layoutName]
  const byName = new Map<string, string>()
  for (const file of visibleNames(folder).filter((name) => name.endsWith('.liquid'))) {
    const name = file.slice(0, -'.liquid'.length)
    if (!known.includes(name))
      throw new TemplateProblem(join(folder, file), 1, `there is no such mail; mails are ${known.join(', ')}`)
    byName.set(name, join(folder, file))
  }
  return byName
}

function visibleNames(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => !name.startsWith('.'))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    throw new TemplateProblem(folder, 1, `the folder cannot be read (${code})`)
  }
}

function mergeFolders(ours: Folder, theirs: Folder): Folder {
  const merged = new Map(ours)
  for (const [language, files] of theirs)
    merged.set(language, new Map([...(ours.get(language) ?? []), ...files]))
  return merged
}

function compileLayout(file: string): Layout {
  const parts = readParts(file, read(file), ['text', 'html'])
  const known = [...variables, 'content', 'language', 'subject']
  return {
    text: compilePart(file, parts.text, 'text', known),
    html: compilePart(file, parts.html, 'html', known),
  }
}

function compileTemplate(file: string, language: string, layout: Layout): MailTemplate {
  const parts = readParts(file, read(file), ['subject', 'text', 'html'])
  const subjectPart = compilePart(file, parts.subject, 'text', variables)
  const textPart = compilePart(file, parts.text, 'text', variables)
  const htmlPart = compilePart(file, parts.html, 'html', variables)
  return {
    language,
    render(values) {
      // One line, whatever a value or a template brings: a second would be a header (CWE-93).
      const subject = subjectPart(values)
        .replaceAll(/[\p{Cc}\p{Z}]+/gu, ' ')
        .trim()
        .slice(0, maxSubjectLength)
      const shared = { ...values, language, subject }
      return {
        subject,
        text: `${layout.text({ ...shared, content: textPart(values).trim() }).trim()}\n`,
        html: `${layout.html({ ...shared, content: htmlPart(values).trim() }).trim()}\n`,
      }
    },
  }
}

function read(file: string): string {
  return readFileSync(file, 'utf8')
}

/** What templates are tried with: everything there, and what may be missing missing. */
const full: MailValues = {
  service: 'auth.example.com',
  publicUrl: 'https://auth.example.com',
  name: 'Grace',
  time: '1 January 2030 at 12:00 UTC',
  device: 'Laptop',
  userAgent: 'Mozilla',
  ip: '192.0.2.1',
  link: 'https://auth.example.com/verify-email#token=lkl_',
  rule: 'impossible-travel',
  actions: 'mail_owner lock',
  alerts: '1 January 2030 at 12:00 UTC',
  more: '12',
}
const missing = {
  name: null,
  device: null,
  userAgent: null,
  ip: null,
  link: null,
  rule: null,
  actions: null,
  more: null,
}
const samples = [full, { ...full, ...missing, alerts: null }]
