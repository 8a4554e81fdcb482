// The token comes in the fragment, which no server, log or Referer sees, and leaves the address bar before anything else happens:
// no history, bookmark or screenshot keeps it. It is sent when its reader presses the button and never before, because mail
// scanners and previews open links too.
let token = new URLSearchParams(location.hash.slice(1)).get('token')
history.replaceState(null, '', location.pathname)
addEventListener('hashchange', () => location.reload()) // another link, opened in this tab

const outcome = document.querySelector('#outcome')
const failure = 'That did not work. Try again in a moment.'
const [firstForm, codeForm, setupForm] = document.querySelectorAll('form')

/** Says what came of it where screen readers hear it, and moves there when the form that had the focus is gone. */
function tell(text, { isFinal = false } = {}) {
  outcome.textContent = text
  if (isFinal) {
    for (const form of document.forms) form.hidden = true
    outcome.focus()
  }
}

function post(form, body, action = form.action) {
  const { dataset } = form
  const opensSession = dataset.opensSession !== undefined
  return fetch(action, {
    method: 'POST',
    credentials: opensSession ? 'same-origin' : 'omit',
    redirect: 'error',
    headers: { 'content-type': 'application/json', ...(opensSession && { 'x-session-mode': 'cookie' }) },
    body: JSON.stringify(body),
  })
}

function bodyOf(form) {
  const { code, ...fields } = Object.fromEntries(new FormData(form))
  if (code === undefined) return { token, ...fields }
  const digits = code.replace(/\s/g, '')
  return { mfaToken: token, ...(/^\d{6}$/.test(digits) ? { code: digits } : { recoveryCode: code.trim() }) }
}

function askForCode(mfaToken, form) {
  token = mfaToken
  firstForm.hidden = true
  form.hidden = false
  form.elements.code.focus()
}

/** For whoever must have a second factor and has none. */
async function setUp(mfaToken) {
  const answer = await post(setupForm, { mfaToken }, setupForm.dataset.setup)
  const body = await answer.json()
  if (!answer.ok) return tellRefusal(firstForm, answer, body)
  document.querySelector('#qr-code').src = body.qrCode
  document.querySelector('#secret').textContent = body.secret
  askForCode(mfaToken, setupForm)
}

function showRecoveryCodes(codes) {
  const section = document.querySelector('#recovery')
  section.querySelector('ul').replaceChildren(
    ...codes.map((code) => {
      const item = document.createElement('li')
      item.textContent = code
      return item
    }),
  )
  section.hidden = false
}

function tellSuccess({ dataset }, { user, recoveryCodes }) {
  if (recoveryCodes !== undefined) showRecoveryCodes(recoveryCodes)
  tell(user === undefined ? dataset.done : `${dataset.done} ${user.email}.`, { isFinal: true })
  const onward = document.querySelector('#onward')
  if (onward?.getAttribute('href')) onward.hidden = false
}

function tellRefusal(form, answer, { code, errors, title }) {
  const field = form.querySelector('[aria-describedby]')
  if (code === 'one_time_token_invalid') {
    tell('This link was used, was replaced by a newer one, or is too old.', { isFinal: true })
  } else if (answer.status === 429) {
    const minutes = Math.ceil(Number(answer.headers.get('retry-after')) / 60)
    const wait = minutes === 1 ? 'a minute' : `${minutes} minutes`
    tell(`There were too many tries. Try again in ${wait}.`)
  } else if (field !== null && answer.status < 500) {
    field.setAttribute('aria-invalid', 'true')
    field.focus()
    const reasons = errors?.map(({ message }) => `it ${message}`).join('; ')
    tell(field.name === 'code' ? 'The code is not right.' : `Choose another password: ${reasons}.`)
  } else tell(answer.status < 500 ? `${title}.` : failure)
}

async function submit(form) {
  const button = form.querySelector('button')
  button.disabled = true
  tell('')
  form.querySelector('[aria-invalid]')?.removeAttribute('aria-invalid')
  try {
    const answer = await post(form, bodyOf(form))
    const body = answer.status === 204 ? {} : await answer.json()
    if (body.mfaRequired) askForCode(body.mfaToken, codeForm)
    else if (body.mfaEnrolmentRequired) await setUp(body.mfaToken)
    else if (answer.ok) tellSuccess(form, body)
    else tellRefusal(form, answer, body)
  } catch {
    tell(failure) // no answer, or one of a proxy's
  }
  button.disabled = false
}

for (const form of document.forms) {
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void submit(form)
  })
}

document.querySelector('#show-password')?.addEventListener('change', ({ target }) => {
  document.querySelector('#password').type = target.checked ? 'text' : 'password'
})

if (token === null) tell('This page is for a link in a mail. Open that link once more.')
else firstForm.hidden = false
