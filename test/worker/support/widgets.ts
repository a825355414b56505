/** A custom kind with two served versions, as a file in Git. */
export const WIDGETS = `apiVersion: apiextensions.gitstore.dev/v1beta1
kind: CustomResourceDefinition
metadata:
  name: widgets.acme.example
spec:
  group: acme.example
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget, shortNames: [wg], categories: [shop]}
  versions:
    - name: v1beta1
      served: true
      storage: false
      schema: &none
        openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {}}}}
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              description: What the widget is like.
              properties:
                color: {type: string, description: The colour that buyers see.}
      additionalPrinterColumns:
        - {name: Color, type: string, jsonPath: .spec.color}
`.replace(" &none", "");
