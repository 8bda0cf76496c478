"""`skill`: obeys Alexa's directives for the lamps of a token's user. Layers, each importing only from those below:

    cli, app, serving                 start; decide nothing
    simulator                         a page that plays Alexa (development mode only)
    bridge                            the AWS Lambda function before skill, of the standard library alone
    endpoint                          POST /alexa/directive, health: HTTP in, HTTP out
    service                           what is open between start and end, and whether it is ready
    boundary                          one directive in, one Alexa message out, whatever fails; five seconds
    handlers                          one function for each (namespace, name)
    discovery, responses, lamps       how a lamp describes itself, messages out, whose lamp it is
    access_token, bridge_call, jwks   who is asking, and for whom
    drivers                           one file for each way to reach a lamp
    storage, models                   the skill's own database
    canonical                         the lamp as drivers and handlers speak of it
    directives, errors, settings, log values read once
    patience, transport               how long something may take; how an answer leaves

It shares no code with authserver: what both rely on is written down in docs/token-profile.md.
"""
