"""The toolbox for authors of carriers: functions to call, no class to inherit.

`transport` carries requests, `translation` turns an SDK's exceptions into ours, `paging` walks listings, `routing`
plans and applies imports, `numbers` knows E.164 and money, `checking` builds checks. docs/adding-a-provider.md
shows them at work.
"""
