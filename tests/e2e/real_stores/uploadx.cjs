// The tus face of uploadx: node uploadx.cjs FOLDER. Says where it listens on its first line.
const http = require('node:http')
const { Tus, DiskStorage } = require('@uploadx/core')

const storage = new DiskStorage({
  directory: process.argv[2], path: '/files', maxUploadSize: '8GB', allowMIME: ['*/*'], onComplete: () => {},
})
const tus = new Tus({ storage })
const server = http.createServer((request, response) => {
  if (request.url.startsWith('/files')) tus.handle(request, response)
  else response.writeHead(404).end()
})
server.listen(Number(process.argv[3] || 0), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/files/`)
})
