"""An OAuth 2.0 / OpenID Connect server in Amazon Cognito's place.

The layers, from the top; imports point down only:

    app, cli, serve     the service built from settings; the operator's commands; processes and sockets
    pages               the hosted pages that a person sees, one file for each
    oauth.endpoints     the protocol's endpoints, one file for each
    oauth               the protocol: Authlib bound to Starlette, grants, tokens, keys, interactions
    accounts            people: passwords, sign-in, sign-up, sessions, mail
    storage             databases: units of work (cold path), compiled statements (hot path)
    models              tables
    turns               how pages share the event loop with programs
    languages           in which language somebody is spoken to: catalogues, dates, the choice
    templating          our templates, and the operator's in their place
    background          jobs that run beside the requests
    greenlets           synchronous code of a library on the event loop
    memory              what the C library keeps
    egress              the one way out to addresses that others named
    secret_values       random values, digests, MACs, encryption at rest
    settings            what an operator may set

It does not know lamps or Alexa's directives: that is `skill`, which shares no code with it.
"""
