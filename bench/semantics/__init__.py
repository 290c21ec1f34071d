"""What servers of the LangGraph Platform API do with runs: the same scenarios against each.

`python -m bench.semantics --peer lgtrio --peer langgraph-dev` starts both and plays everything;
`--url NAME=URL` takes a server that is there. The pages of lgtrio's documentation say how to read
the results and how to add a scenario (`measuring.md`).
"""
