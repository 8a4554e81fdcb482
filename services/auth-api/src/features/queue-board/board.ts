import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createBullBoard } from '@bull-board/api'
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import type {
  AppControllerRoute,
  BullBoardQueues,
  BullBoardRequest,
  IServerAdapter,
} from '@bull-board/api/typings/app'
import type { Queue } from '@latchkey/platform/queue/queues'
import { shownPayload } from './shown-payload.js'

export interface BoardRoute {
  /** Below the page. */
  readonly path: string
  readonly answer: (
    request: Pick<BullBoardRequest, 'params' | 'query'>,
  ) => Promise<{ status: number; body: unknown }>
}

/** What bull-board would give to a web framework, for routes that are declared like all others. */
export interface Board {
  /** Where its page, scripts and styles are. */
  readonly folder: string
  readonly pagePaths: readonly string[]
  readonly uiConfig: unknown
  /** Its questions. What it can do to a queue is left out: that is for routes of ours, which tell who did it. */
  readonly routes: readonly BoardRoute[]
}

const uiFolder = dirname(createRequire(import.meta.url).resolve('@bull-board/ui/package.json'))

export function createBoard(queues: readonly Queue[]): Board {
  let shown: BullBoardQueues = new Map()
  let apiRoutes: AppControllerRoute[] = []
  let pagePaths: string[] = []
  let uiConfig: Parameters<IServerAdapter['setUIConfig']>[0] = {}
  const adapter: IServerAdapter = {
    setQueues: (given) => ((shown = given), adapter),
    setViewsPath: () => adapter,
    setStaticPath: () => adapter,
    setEntryRoute: ({ route }) => ((pagePaths = [route].flat()), adapter),
    setErrorHandler: () => adapter,
    setApiRoutes: (given) => ((apiRoutes = given), adapter),
    setUIConfig: (given) => ((uiConfig = given), adapter),
  }
  createBullBoard({
    queues: queues.map((queue) => {
      const shownQueue = new BullMQAdapter(queue, { readOnlyMode: true })
      shownQueue.setFormatter('data', (data: unknown) => shownPayload(queue.name, data))
      shownQueue.setFormatter('returnValue', () => null)
      return shownQueue
    }),
    serverAdapter: adapter,
    options: {
      uiBasePath: uiFolder,
      uiConfig: {
        boardTitle: 'Queues',
        // Nothing of it leads out of this house.
        miscLinks: [],
        hideRedisDetails: true,
        hideDocsLink: true,
      },
    },
  })
  const questions = apiRoutes.filter(({ method }) => [method].flat().join() === 'get')
  return {
    folder: join(uiFolder, 'dist'),
    pagePaths,
    uiConfig,
    routes: questions.flatMap((question) =>
      [question.route].flat().map((path) => ({
        path,
        answer: async ({ params, query }) => {
          const { status = 200, body } = await question.handler({
            queues: shown,
            params,
            query,
            body: {},
            headers: {},
            uiConfig,
          })
          return { status, body }
        },
      })),
    ),
  }
}
