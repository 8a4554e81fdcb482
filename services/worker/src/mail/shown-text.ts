const invisible = /[\p{Cf}\p{Co}\p{Cs}\p{Cn}]/gu
const notPlain = /[^\p{L}\p{M}\p{N} ()_'+,;/&.#-]/gu
const pileOfMarks = /(\p{M}{4})\p{M}+/gu
const version = /(\d+\.\d+)[\d.]*/g
const dotOfName = /(?<!\d)\.(?=[\p{L}\p{N}])|\.(?=\p{L})/gu
const longNumber = /(?:\d[ ()+/-]*){7,}/g

const segmenter = new Intl.Segmenter()

/**
 * A stranger's text, fit to be read in a mail from us. Names of devices and people and user agents are chosen by whoever calls
 * the API, and mail programs make links of what looks like one: so no address, domain, scheme or telephone number is left of it,
 * no line break, and nothing that is invisible or turns the direction of writing. Null when nothing is left at all.
 */
export function shownText(text: string | null, maxLength: number): string | null {
  if (text === null) return null
  const shown = text
    .slice(0, 1024)
    .normalize('NFKC')
    .replaceAll(invisible, '')
    .replaceAll(notPlain, ' ')
    .replaceAll(pileOfMarks, '$1')
    .replaceAll(version, '$1')
    .replaceAll(dotOfName, ' ')
    .replaceAll(longNumber, '… ')
    .replaceAll(/ +/g, ' ')
    .trim()
  if (shown === '') return null
  const characters = Array.from(segmenter.segment(shown), ({ segment }) => segment)
  return characters.length <= maxLength ? shown : `${characters.slice(0, maxLength).join('').trimEnd()}…`
}
