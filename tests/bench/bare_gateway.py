"""A webhook endpoint that checks the signature and does nothing else."""

import sys
import time

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ingest.workos import signature


def endpoint(secret: str) -> Starlette:
    """Answers 200 to what is signed."""

    async def receive(request: Request) -> JSONResponse:
        body = await request.body()
        signature.verify(
            body,
            request.headers.getlist(signature.HEADER),
            (secret,),
            tolerance_seconds=300,
            now=time.time(),
        )
        return JSONResponse({"status": "accepted"})

    return Starlette(routes=[Route("/api/webhooks/workos", receive, methods=["POST"])])


if __name__ == "__main__":
    uvicorn.run(
        endpoint(sys.argv[2]),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
