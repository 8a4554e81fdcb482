import { readdirSync, readFileSync } from 'node:fs'
import { extname, join, relative } from 'node:path'

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
}

export interface StaticFile {
  readonly file: string
  readonly type: string
}

/** The files that the page may ask for, by their path below `static/`: no other path leads to any file. */
export function listStaticFiles(folder: string): ReadonlyMap<string, StaticFile> {
  const files = new Map<string, StaticFile>()
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name)
    const type = types[extname(entry.name)]
    if (entry.isFile() && type !== undefined)
      files.set(relative(folder, file).replaceAll('\\', '/'), { file, type })
  }
  return files
}

/**
 * The page as bull-board has it, with the scripts and styles of its own folder and nothing else: no font from elsewhere, and nothing
 * inline but data. @throws Error when another version of it is built in another way.
 */
export function buildPage(
  folder: string,
  { basePath, uiConfig }: { basePath: string; uiConfig: unknown },
): Buffer {
  const template = readFileSync(join(folder, 'index.ejs'), 'utf8')
  const scripts = [...template.matchAll(/src="(static\/[\w./-]+\.js)"/g)].map(([, path = '']) => path)
  const styles = [...template.matchAll(/href="(static\/[\w./-]+\.css)"/g)].map(([, path = '']) => path)
  if (scripts.length === 0 || styles.length === 0) throw new Error('the page of bull-board is not as it was')
  const config = JSON.stringify(uiConfig).replaceAll('<', String.raw`\u003c`)
  return Buffer.from(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<base href="${basePath}">
<title>Queues</title>
<link rel="icon" type="image/svg+xml" id="fav-logo" href="static/images/logo.svg">
${styles.map((path) => `<link rel="stylesheet" href="${path}">`).join('\n')}
</head>
<body>
<script id="__UI_CONFIG__" type="application/json">${config}</script>
<div id="root"></div>
${scripts.map((path) => `<script defer src="${path}"></script>`).join('\n')}
</body>
</html>
`)
}
